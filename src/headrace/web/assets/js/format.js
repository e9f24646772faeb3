// Figures as people read them.

/** Seconds as `4:05` or `1:02:03`. */
export function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const two = (number) => String(number).padStart(2, "0");
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  return hours ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

/** Seconds in their two largest units, such as `3m 20s`: the same as the command line has it. */
export function duration(seconds) {
  const whole = Math.floor(seconds);
  for (const [unit, name, part, partName] of [[86400, "d", 3600, "h"], [3600, "h", 60, "m"], [60, "m", 1, "s"]]) {
    if (whole >= unit) return `${Math.floor(whole / unit)}${name} ${Math.floor((whole % unit) / part)}${partName}`;
  }
  return `${whole}s`;
}

/** Seconds in words, for who hears them. */
export function spokenDuration(seconds) {
  const minutes = Math.floor(seconds / 60);
  if (minutes < 1) return "less than a minute";
  if (minutes < 60) return count(minutes, "minute");
  return `${count(Math.floor(minutes / 60), "hour")} ${count(minutes % 60, "minute")}`;
}

/** A number with its noun. */
export function count(number, noun) {
  return `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;
}

/** A number in at most five characters: `12.5k`. */
export function short(number) {
  if (number < 10_000) return number.toLocaleString("en");
  return number < 1_000_000 ? `${(number / 1000).toFixed(number < 100_000 ? 1 : 0)}k` : `${(number / 1e6).toFixed(1)}M`;
}

/** Bits a second as Mbit/s. */
export function mbps(bps, digits = 2) {
  if (bps === null || bps === undefined) return "–";
  return (bps / 1e6).toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/** Milliseconds with their unit; `–` for what is not known. */
export function ms(value) {
  return value === null || value === undefined || Number.isNaN(value) ? "–" : `${Math.round(value)} ms`;
}

/** A share of one as a percentage. */
export function percent(share) {
  if (share === null || share === undefined || Number.isNaN(share)) return "–";
  return share === 0 ? "0 %" : `${(share * 100).toFixed(share < 0.1 ? 2 : 1)} %`;
}

/** When something was, as hours and minutes of the viewer's day. */
export function timeOfDay(unixMs) {
  return new Date(unixMs).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
}

/** Bytes in MB. */
export function megabytes(bytes) {
  return bytes === null || bytes === undefined ? "–" : `${(bytes / 1e6).toFixed(bytes < 1e8 ? 1 : 0)} MB`;
}

/** What a server says, as a sentence. */
export function sentence(text) {
  const trimmed = text.trim();
  if (!trimmed) return "";
  return trimmed[0].toUpperCase() + trimmed.slice(1) + (/[.!?]$/.test(trimmed) ? "" : ".");
}
