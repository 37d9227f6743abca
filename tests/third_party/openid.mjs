// A certified OpenID provider of other people (npm: oidc-provider) on loopback. Whoever comes is signed in at once as
// the account their `x-account` header names; "unverified" in it takes the proof from the address.
import Provider from "oidc-provider";

const port = Number(process.argv[2]);
const issuer = `http://127.0.0.1:${port}`;
const provider = new Provider(issuer, {
  features: { devInteractions: { enabled: false }, registration: { enabled: true } },
  scopes: ["openid", "email", "profile"],
  claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["given_name", "family_name"] },
  cookies: { keys: ["a key for tests"] },
  interactions: { url: (_context, interaction) => `/interaction/${interaction.uid}` },
  findAccount: (_context, id) => ({
    accountId: id,
    claims: () => ({
      sub: id,
      email: id,
      email_verified: !id.includes("unverified"),
      given_name: "Iris",
      family_name: "Papas",
    }),
  }),
  loadExistingGrant: async (context) => {
    const grant = new context.oidc.provider.Grant({
      clientId: context.oidc.client.clientId,
      accountId: context.oidc.session.accountId,
    });
    grant.addOIDCScope("openid email profile");
    await grant.save();
    return grant;
  },
});
provider.use(async (context, next) => {
  if (!context.path.startsWith("/interaction/")) return next();
  const result = { login: { accountId: context.get("x-account") } };
  await provider.interactionFinished(context.req, context.res, result, { mergeWithLastSubmission: false });
  context.respond = false;
});
provider.listen(port, "127.0.0.1", () => console.log("ready"));
