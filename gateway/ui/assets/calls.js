// Calls as rows of a table.
import { clock, count, dollars, failed, seconds, tableOr } from "./common.js";

const TITLES = ["Started", "Caller", "Model", "Protocol", "Outcome", "#Tokens in", "#Tokens out", "#First token", "#Time", "#Cost"];

/** Builds the table of calls, newest first. A call whose cost is unknown is highlighted. */
export function callsTable(calls) {
  return tableOr("No calls in this period. Send one from the playground.", TITLES, calls.map((call) => {
    const outcome = call.state === "open" ? "running" : call.state === "settled" ? call.outcome : `${call.state} ${call.outcome}`;
    const unknown = call.state !== "open" && call.nano_usd === null && call.state !== "refused";
    const row = [
      clock(call.started_at), call.caller, `${call.provider}/${call.model}`, call.protocol,
      [outcome, failed(call) ? "bad" : ""], count(call.input_tokens), count(call.output_tokens),
      seconds(call.first_token_s), seconds(call.duration_s),
      call.state === "open" || call.state === "refused" ? "–" : [dollars(call.nano_usd), unknown ? "unknown" : ""],
    ];
    row.className = call.state === "open" ? "open" : "";
    return row;
  }));
}
