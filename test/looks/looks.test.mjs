// Every report of the folder WAYBILL_LOOKS_REPORTS as different readers see
// it. What is looked for is listed in checks.mjs; that each can find something
// is tried first, on a page that does everything wrong.

import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";
import { launch } from "./chromium.mjs";
import * as checks from "./checks.mjs";

const folder = resolve(process.env.WAYBILL_LOOKS_REPORTS);
const axe = readFileSync(process.env.WAYBILL_LOOKS_AXE, "utf8");
const reports = readdirSync(folder).filter((name) => name.endsWith(".html")).map((name) => join(folder, name));
assert.ok(reports.length > 0, `${folder} has no reports`);

let scratch, chromium, page;
before(async () => {
  scratch = mkdtempSync(join(tmpdir(), "looks-"));
  chromium = await launch(process.env.WAYBILL_LOOKS_CHROMIUM, join(scratch, "profile"));
  page = await chromium.page();
});
after(async () => {
  await chromium?.close();
  rmSync(scratch, { recursive: true, force: true, maxRetries: 5 });
});

test("a bad page", async (t) => {
  const path = join(scratch, "bad.html");
  writeFileSync(path, `<!DOCTYPE html><html><head><title>bad</title>
<style>details:not([open])::details-content { content-visibility: hidden } @media (prefers-color-scheme: dark) { h1 { color: #222; background: #000 } }</style></head><body>
<h1 onclick="0">Bad</h1><p style="color: #ddd; background: #fff">✗</p><svg width="90" height="20"><text y="15" fill="#ddd">drawn too pale</text></svg><p style="color: #ddd; background: #fff">Too pale to read.</p>
<img src="${pathToFileURL(join(scratch, "missing.png"))}"><a href="javascript:0">Click</a><a href="#nowhere">Nowhere</a>
<div style="width: 40rem">wide</div><div style="overflow-x: auto; width: 5rem"><div style="width: 20rem">only a mouse moves this</div></div>
<details><summary>More</summary><p>Not printed.</p></details>
<details class="numbers"><summary>Numbers</summary></details>
<script>document.body.append("written by a script")</script></body></html>`);
  const url = pathToFileURL(path).href;
  const finds = (name, pattern, found) =>
    t.test(name, () => assert.ok(found.some((f) => pattern.test(f)), `should have been found: ${pattern}\n${found.join("\n")}`));
  const rules = await checks.accessibility(page, url, axe, { width: 1200, scheme: "light" });
  await finds("rules: contrast", /^color-contrast: .*Too pale/, rules);
  await finds("rules: contrast of a sign", /^color-contrast is 1[.]3.*✗/, rules);
  await finds("rules: contrast in a picture", /^color-contrast is 1[.]3.*drawn too pale/, rules);
  await finds("rules: language", /^html-has-lang/, rules);
  await finds("rules: dark", /^color-contrast: .*Bad/, await checks.accessibility(page, url, axe, { width: 1200, scheme: "dark" }));
  const alone = await checks.selfContained(page, url);
  await finds("alone: request", /missing\.png/, alone);
  await finds("alone: script", /<script>/, alone);
  await finds("alone: handler", /onclick/, alone);
  await finds("alone: link", /javascript:0/, alone);
  await finds("alone: anchor", /#nowhere/, alone);
  await finds("scripts off", /reads otherwise/, await checks.withoutScripts(page, url));
  const narrow = await checks.narrow(page, url, 380);
  await finds("narrow: page", /page is \d+ pixels wide/, narrow);
  await finds("narrow: element", /<div>wide/, narrow);
  const printed = await checks.printed(page, url);
  await finds("printed: folded", /More/, printed);
  await finds("printed: empty", /Numbers/, printed);
});

for (const path of reports) {
  const url = pathToFileURL(path).href;
  test(basename(path), async (t) => {
    const clean = (name, found) => t.test(name, async () => assert.equal((await found()).join("\n"), ""));
    for (const scheme of ["light", "dark"]) {
      for (const width of [1200, 380]) {
        await clean(`rules of WCAG, ${scheme}, ${width} pixels`, () => checks.accessibility(page, url, axe, { width, scheme }));
      }
    }
    await clean("loads and runs nothing", () => checks.selfContained(page, url));
    await clean("the same without scripts", () => checks.withoutScripts(page, url));
    for (const width of [380, 320]) await clean(`fits ${width} pixels`, () => checks.narrow(page, url, width));
    await clean("printed", () => checks.printed(page, url));
  });
}
