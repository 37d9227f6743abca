// A SAML identity provider of other people (npm: saml-idp) on loopback. Its key and certificate come as PEM in the
// environment; audience and person are set through its own pages.
const port = Number(process.argv[2]);
const say = console.log;
console.log = () => {};
const http = require("http");
const createServer = http.createServer;
http.createServer = (...given) => {
  const server = createServer(...given);
  server.on("listening", () => {
    say("ready");
    setImmediate(() => (process.stdout.write = () => true)); // it logs every request
  });
  return server;
};
require("saml-idp").runServer({
  host: "127.0.0.1",
  port,
  cert: process.env.SAML_CERTIFICATE,
  key: require("crypto").createPrivateKey(process.env.SAML_KEY).export({ type: "pkcs1", format: "pem" }),
  issuer: `http://127.0.0.1:${port}/entity`,
  acsUrl: "http://127.0.0.1:9/unset",
  audience: "http://127.0.0.1:9/unset",
});
