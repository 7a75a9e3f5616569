// Writes predictions of two models, and hostile ones, as CSV into a folder:
// the same each time.

import { writeFileSync } from "node:fs";
import { join } from "node:path";

const folder = process.argv[2];
let state = 7;
const random = () => (state = (state * 48271) % 2147483647) / 2147483647; // Park and Miller's
const quoted = (s) => `"${s.replaceAll('"', '""')}"`;

function predictions(skill, column, values) {
  const lines = [`id,label,${quoted(column)},prediction,score`];
  for (let i = 0; i < 900; i++) {
    const label = i % 3 === 0 ? 1 : 0, slice = (i * 5) % 7 % values.length;
    const score = Math.min(0.999, Math.max(0.001, (label ? skill[slice] : 1 - skill[slice]) + (random() - 0.5) * 0.9));
    lines.push(`${i},${label},${quoted(values[slice])},${score > 0.5 ? 1 : 0},${score.toFixed(3)}`);
  }
  return lines.join("\n") + "\n";
}

const langs = ["en", "de", "a language with a rather long name"];
writeFileSync(join(folder, "old.csv"), predictions([0.8, 0.8, 0.8], "lang", langs));
writeFileSync(join(folder, "new.csv"), predictions([0.8, 0.55, 0.8], "lang", langs));

const word = "x".repeat(300);
const hostile = [word, `<img src=https://example.com/x onerror=alert(1)>${word}`, "</style></table><script>document.title = 'ran'</script>",
  "\u202Egnp.exe\u2066 \u05D0\u05D1\u05D2 \u0627\u0644\u0639", "W\u0301\u0302\u0303".repeat(80), "\u{1F600}".repeat(60)];
writeFileSync(join(folder, "hostile.csv"), predictions([0.8, 0.5, 0.7, 0.9, 0.6, 0.8], `<b onclick='alert(1)'>${word}</b>`, hostile));
