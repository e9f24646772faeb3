// One exchange of SDP over HTTP, for WHEP and WHIP alike.
// Source: RFC 9725, 4; draft-ietf-wish-whep, 4.

import { Problem, problemOf } from "./api.js";

export const ANSWER_WITHIN_MS = 10_000;

/**
 * Offer `connection` to the server and take its answer.
 *
 * Candidates are not waited for: the server is ICE-lite, and learns where we are from our checks (RFC 8445, 2.4).
 *
 * @returns {Promise<string>} where the session is, for `endSession`.
 * @throws {Problem} The server said no, or cannot be reached.
 */
export async function openSession(connection, url, token) {
  const offer = await connection.createOffer();
  const sdp = withStereo(offer.sdp);
  await connection.setLocalDescription({ type: "offer", sdp });
  const headers = { "Content-Type": "application/sdp" };
  if (token) headers.Authorization = `Bearer ${token}`;
  let response;
  try {
    response = await fetch(url, { method: "POST", headers, body: sdp, signal: AbortSignal.timeout(ANSWER_WITHIN_MS) });
  } catch {
    throw new Problem(0, "The server cannot be reached.");
  }
  if (response.status !== 201) throw await problemOf(response);
  const session = new URL(response.headers.get("Location"), new URL(url, location.href)).href;
  try {
    await connection.setRemoteDescription({ type: "answer", sdp: await response.text() });
  } catch (error) {
    endSession(session);
    throw new Problem(406, `This browser cannot take what the channel has: ${error.message}`);
  }
  return session;
}

/** Tell the server that a session is over; nobody waits for it, and it works while the page goes away. */
export function endSession(session) {
  if (session) fetch(session, { method: "DELETE", keepalive: true }).catch(() => {});
}

/** Ask for stereo: Opus decodes one channel if nothing is said (RFC 7587, 6.1). */
function withStereo(sdp) {
  const opus = /^a=rtpmap:(\d+) opus\/48000\/2/im.exec(sdp);
  if (!opus) return sdp;
  return sdp.replace(new RegExp(`^(a=fmtp:${opus[1]} )(?!.*stereo=)`, "m"), "$1stereo=1;");
}
