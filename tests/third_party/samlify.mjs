// A second SAML identity provider of other people (npm: samlify) on loopback. It reads our metadata and wants signed
// requests. POST /service takes the metadata; GET /sso answers at once as the person in `x-account`, and asks browsers
// for the account by a page of its own.
import http from "node:http";
import samlify from "samlify";

const port = Number(process.argv[2]);
const self = `http://127.0.0.1:${port}`;
const bare = (pem) => pem.replace(/-----[A-Z ]+-----|\s/g, "");
samlify.setSchemaValidator({ validate: () => Promise.resolve("not checked here") });
const template = {
  context: samlify.SamlLib.defaultLoginResponseTemplate.context.replace(
    "{AuthnStatement}",
    '<saml:AuthnStatement AuthnInstant="{IssueInstant}" SessionIndex="_{Account}"><saml:AuthnContext>' +
      "<saml:AuthnContextClassRef>urn:oasis:names:tc:SAML:2.0:ac:classes:Password</saml:AuthnContextClassRef>" +
      "</saml:AuthnContext></saml:AuthnStatement>",
  ),
  attributes: [{ name: "mail", valueTag: "mail", nameFormat: "urn:oasis:names:tc:SAML:2.0:attrname-format:basic", valueXsiType: "xs:string" }],
};
const metadata = `<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" xmlns:ds="http://www.w3.org/2000/09/xmldsig#"
  entityID="${self}/metadata"><IDPSSODescriptor WantAuthnRequestsSigned="true"
  protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol"><KeyDescriptor use="signing"><ds:KeyInfo><ds:X509Data>
  <ds:X509Certificate>${bare(process.env.SAML_CERTIFICATE)}</ds:X509Certificate></ds:X509Data></ds:KeyInfo></KeyDescriptor>
  <SingleLogoutService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="${self}/slo"/>
  <NameIDFormat>urn:oasis:names:tc:SAML:2.0:nameid-format:persistent</NameIDFormat>
  <SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="${self}/sso"/>
  </IDPSSODescriptor></EntityDescriptor>`;
const idp = samlify.IdentityProvider({
  metadata,
  privateKey: process.env.SAML_KEY,
  requestSignatureAlgorithm: "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
  loginResponseTemplate: template,
  wantLogoutRequestSigned: true,
  wantLogoutResponseSigned: true,
});
let service;

function body(request) {
  return new Promise((done) => {
    let text = "";
    request.on("data", (part) => (text += part));
    request.on("end", () => done(text));
  });
}

// What was signed are the octets of the query as it was sent.
const signedPart = (url) => url.search.slice(1).split("&").filter((each) => !each.startsWith("Signature=")).join("&");

async function signIn(url, account) {
  const query = Object.fromEntries(url.searchParams);
  const octetString = signedPart(url);
  const found = await idp.parseLoginRequest(service, "redirect", { query, octetString });
  const at = new Date();
  const until = new Date(at.getTime() + 5 * 60 * 1000).toISOString();
  const acs = service.entityMeta.getAssertionConsumerService("post");
  const fill = (text) => {
    const values = {
      ID: `_${crypto.randomUUID()}`,
      AssertionID: `_${crypto.randomUUID()}`,
      Destination: acs,
      Audience: service.entityMeta.getEntityID(),
      SubjectRecipient: acs,
      AssertionConsumerServiceURL: acs,
      EntityID: service.entityMeta.getEntityID(),
      NameIDFormat: "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent",
      NameID: account,
      Issuer: idp.entityMeta.getEntityID(),
      IssueInstant: at.toISOString(),
      ConditionsNotBefore: at.toISOString(),
      ConditionsNotOnOrAfter: until,
      SubjectConfirmationDataNotOnOrAfter: until,
      StatusCode: "urn:oasis:names:tc:SAML:2.0:status:Success",
      InResponseTo: found.extract.request.id,
      Account: account,
      attrMail: account,
    };
    return { id: values.ID, context: samlify.SamlLib.replaceTagsByValue(text, values) };
  };
  const answer = await idp.createLoginResponse(service, found, "post", { email: account }, fill, false, query.RelayState);
  return { action: acs, SAMLResponse: answer.context, RelayState: query.RelayState };
}

// Somebody signed out at our side: check the request, and answer where our metadata says.
async function signOut(url) {
  const query = Object.fromEntries(url.searchParams);
  const found = await idp.parseLogoutRequest(service, "redirect", { query, octetString: signedPart(url) });
  return idp.createLogoutResponse(service, found, "redirect", query.RelayState).context;
}

const page = (text) => `<!doctype html><html lang="en"><title>Samlify ID</title><body>${text}</body></html>`;
const quoted = (text) => text.replaceAll("&", "&amp;").replaceAll('"', "&quot;");

function askAccount(url) {
  return page(`<form method="post" action="/entered"><input type="hidden" name="asked" value="${quoted(url.search)}">
    <label>Account <input name="account"></label><button>Sign in</button></form>`);
}

function sendBack({ action, SAMLResponse, RelayState }) {
  return page(`<form method="post" action="${quoted(action)}"><input type="hidden" name="SAMLResponse" value="${SAMLResponse}">
    <input type="hidden" name="RelayState" value="${quoted(RelayState)}"><button>Continue</button></form>`);
}

http
  .createServer(async (request, response) => {
    const url = new URL(request.url, self);
    try {
      if (url.pathname === "/metadata") {
        response.end(metadata);
      } else if (url.pathname === "/service") {
        service = samlify.ServiceProvider({
          metadata: await body(request),
          wantLogoutRequestSigned: true,
          wantLogoutResponseSigned: true,
        });
        response.end("{}");
      } else if (url.pathname === "/slo") {
        // Our answer to its own request ends here; a request of ours is answered.
        const where = url.searchParams.has("SAMLRequest") ? await signOut(url) : undefined;
        if (!where) {
          const query = Object.fromEntries(url.searchParams);
          await idp.parseLogoutResponse(service, "redirect", { query, octetString: signedPart(url) });
        }
        response.writeHead(where ? 302 : 200, where ? { Location: where } : {});
        response.end("signed out");
      } else if (url.pathname === "/leave") {
        const user = { logoutNameID: url.searchParams.get("account") };
        response.writeHead(302, { Location: idp.createLogoutRequest(service, "redirect", user, "from-there").context });
        response.end();
      } else if (url.pathname === "/entered") {
        const typed = new URLSearchParams(await body(request));
        response.setHeader("Content-Type", "text/html");
        response.end(sendBack(await signIn(new URL(`/sso${typed.get("asked")}`, self), typed.get("account"))));
      } else if (!request.headers["x-account"]) {
        response.setHeader("Content-Type", "text/html");
        response.end(askAccount(url));
      } else {
        response.end(JSON.stringify(await signIn(url, request.headers["x-account"])));
      }
    } catch (error) {
      response.statusCode = 400;
      response.end(String(error?.stack ?? error));
    }
  })
  .listen(port, "127.0.0.1", () => console.log("ready"));
