// Numbers and times as people read them.

const RELATIVE = new Intl.RelativeTimeFormat(undefined, {
  numeric: "auto",
  style: "short",
});
const FULL = new Intl.DateTimeFormat(undefined, {
  dateStyle: "medium",
  timeStyle: "medium",
});
const DAY = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" });
const NUMBER = new Intl.NumberFormat(undefined, { maximumFractionDigits: 2 });
const UNITS: [Intl.RelativeTimeFormatUnit, number][] = [
  ["day", 86_400],
  ["hour", 3600],
  ["minute", 60],
];

/** "3 min. ago", or the date after a week. */
export function ago(time: string, now = Date.now()): string {
  const seconds = (now - Date.parse(time)) / 1000;
  if (seconds > 7 * 86_400) return DAY.format(new Date(time));
  for (const [unit, length] of UNITS) {
    if (seconds >= length) return RELATIVE.format(-Math.floor(seconds / length), unit);
  }
  return "just now";
}

/** A time in full. */
export function fullTime(time: string): string {
  return FULL.format(new Date(time));
}

/** A date: of `2026-05-10`, a time, or milliseconds. */
export function dateOf(time: string | number): string {
  const isDay = typeof time === "string" && time.length === 10;
  return DAY.format(new Date(isDay ? `${time}T00:00` : time));
}

/** A length of time: "0.8 s", "12 s", "3 min 5 s", "2 h 10 min". */
export function duration(seconds: number): string {
  if (seconds < 10) return `${NUMBER.format(Math.round(seconds * 10) / 10)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

/** The length of a film: "0:04", "12:30", "1:02:03". */
export function clock(seconds: number): string {
  const whole = Math.round(seconds);
  const parts = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const [first = 0, ...others] = parts[0] === 0 ? parts.slice(1) : parts;
  return [first, ...others.map((part) => String(part).padStart(2, "0"))].join(":");
}

/** A number of things or credits. */
export function count(value: number | bigint): string {
  return NUMBER.format(value);
}

/** A number with its noun: "1 output", "3 outputs". */
export function numbered(value: number, noun: string): string {
  return `${count(value)} ${value === 1 ? noun : `${noun}s`}`;
}

/** A size in bytes: "3.2 MB". */
export function bytes(size: number): string {
  const units = ["B", "kB", "MB", "GB"];
  let value = size;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${NUMBER.format(Number(value.toFixed(1)))} ${units[unit]}`;
}
