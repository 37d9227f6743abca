// A certified OpenID provider of other people (npm: oidc-provider) on loopback. Browsers see its own pages; whoever
// names an account in `x-account` is signed in at once. "unverified" in its name takes the proof from the address.
// Names before a plus sign of the first part are groups: "sales+nina@…".
import Provider from "oidc-provider";

console.info = console.warn = () => {}; // it announces its settings on the line that says it is ready
const port = Number(process.argv[2]);
const issuer = `http://127.0.0.1:${port}`;
const provider = new Provider(issuer, {
  features: {
    devInteractions: { enabled: true },
    registration: { enabled: true },
    backchannelLogout: { enabled: true },
  },
  scopes: ["openid", "email", "profile"],
  claims: { openid: ["sub", "groups"], email: ["email", "email_verified"], profile: ["given_name", "family_name"] },
  cookies: { keys: ["a key for tests"] },
  findAccount: (_context, id) => ({
    accountId: id,
    claims: () => ({
      sub: id,
      email: id,
      email_verified: !id.includes("unverified"),
      given_name: "Iris",
      family_name: "Papas",
      groups: id.split("@")[0].split("+").slice(0, -1),
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
  if (!context.path.startsWith("/interaction/") || !context.get("x-account")) return next();
  const result = { login: { accountId: context.get("x-account") } };
  await provider.interactionFinished(context.req, context.res, result, { mergeWithLastSubmission: false });
  context.respond = false;
});
provider.listen(port, "127.0.0.1", () => console.log("ready"));
