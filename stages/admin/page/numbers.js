// Numbers as people read them; "–" is what is not known. Pure.

export const isKnown = (number) => number !== undefined && !Number.isNaN(number);

function scaled(number, units, base) {
  let unit = 0;
  while (number >= base && unit < units.length - 1) ((number /= base), unit++);
  return `${number < 10 && number % 1 ? number.toFixed(1) : Math.round(number)}${units[unit]}`;
}

export const count = (number) => (isKnown(number) ? scaled(number, ["", " k", " M", " G"], 1000) : "–");
export const perSecond = (number) => (isKnown(number) ? `${count(number)}/s` : "–");
export const bytes = (number) =>
  isKnown(number) ? scaled(number, [" B", " KiB", " MiB", " GiB", " TiB"], 1024) : "–";
export const share = (part, whole) =>
  isKnown(part) && whole > 0 ? `${((100 * part) / whole).toFixed(1)} %` : "–";
export const of = (part, whole, format = count) =>
  isKnown(part) && isKnown(whole) ? `${format(part)} of ${format(whole)}` : "–";

export function duration(seconds) {
  if (!isKnown(seconds)) return "–";
  if (seconds < 1) return scaled(seconds * 1e6, [" µs", " ms"], 1000);
  return `${seconds.toFixed(1)} s`;
}

export function atMost(seconds) {
  if (seconds === Infinity) return "> 16 s";
  return isKnown(seconds) ? `≤ ${duration(seconds)}` : "–";
}
