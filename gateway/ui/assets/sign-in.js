// Exchanges a token for a session, whose secret no script can read.
import { byId, onSubmit, send } from "./common.js";

onSubmit(byId("sign-in"), async (form) => {
  const response = await send("POST", "session", { token: form.get("token").trim() });
  if (!response.ok) {
    const problem = await response.json().catch(() => ({}));
    throw new Error(response.status === 401 ? "This token is not valid." : problem.detail ?? "Sign-in failed.");
  }
  const next = new URLSearchParams(location.search).get("next") ?? "";
  location.href = ["playground", "operate"].includes(next) ? next : "./";
});
