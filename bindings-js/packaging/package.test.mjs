// The archive that npm would publish, installed into an empty project and used
// as others use it.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { publint } from "publint";

const here = dirname(dirname(fileURLToPath(import.meta.url)));
const project = join(here, "../target/package-js");
const bin = join(here, "node_modules/.bin");
const installed = join(project, "node_modules/inorder");
let packed;

function run(command, args, cwd = project) {
  return execFileSync(command, args, { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}

function write(name, text) {
  writeFileSync(join(project, name), text);
  return name;
}

const USE = `
const twice = async (number) => 2 * number;
const use = async ({ map }) => (await map([1, 2, 3], twice, { concurrency: 2 }).toArray()).join(" ");
`;

before(() => {
  rmSync(project, { recursive: true, force: true });
  mkdirSync(project, { recursive: true });
  write("package.json", '{ "private": true, "type": "module" }');
  const answer = run("npm", ["pack", "--json", "--pack-destination", project], here);
  [packed] = Object.values(JSON.parse(answer.slice(answer.search(/[[{]/))));
  run("npm", ["install", "--no-package-lock", "--offline", `./${packed.filename}`]);
});

test("the archive has the built files and the licences, and no sources", () => {
  const folders = new Set(packed.files.map(({ path }) => path.replace(/\/.*/, "/")));
  assert.deepEqual(
    [...folders].sort(),
    ["LICENSE-APACHE", "LICENSE-MIT", "README.md", "dist/", "package.json"].sort(),
  );
});

test("publint has nothing to say", async () => {
  const { messages } = await publint({ pkgDir: installed, strict: true, pack: false });
  assert.deepEqual(messages, []);
});

test("import needs no initialisation", () => {
  write("import.mjs", `import * as inorder from "inorder";${USE}console.log(await use(inorder));`);
  assert.equal(run(process.execPath, ["import.mjs"]), "2 4 6\n");
});

test("require gives the very same module", () => {
  const check = `import("inorder").then((it) => console.log(it.map === inorder.map));`;
  write(
    "require.cjs",
    `const inorder = require("inorder");${USE}use(inorder).then(console.log);${check}`,
  );
  const printed = run(process.execPath, ["--no-warnings", "require.cjs"]).split("\n").sort();
  assert.deepEqual(printed, ["", "2 4 6", "true"]);
});

test("the CommonJS file works where a module cannot be required", () => {
  const file = JSON.stringify("./node_modules/inorder/dist/index.cjs");
  write("common.cjs", `const inorder = require(${file});${USE}use(inorder).then(console.log);`);
  assert.equal(run(process.execPath, ["common.cjs"]), "2 4 6\n");
});

test("slim takes the bytes from outside", () => {
  write(
    "slim.mjs",
    `import { readFileSync } from "node:fs";
    import { fileURLToPath } from "node:url";
    import init, * as inorder from "inorder/slim";${USE}
    await init(readFileSync(fileURLToPath(import.meta.resolve("inorder/inorder.wasm"))));
    console.log(await use(inorder));`,
  );
  assert.equal(run(process.execPath, ["--no-warnings", "slim.mjs"]), "2 4 6\n");
});

test("slim finds its bytes in Node, and says so before it has them", () => {
  write(
    "init.mjs",
    `import init, * as inorder from "inorder/slim";${USE}
    for (const make of [
      () => inorder.map([], (n) => n),
      () => new inorder.Processor((n) => n, { concurrency: 0.5 }),
      () => new inorder.ReorderBuffer(),
      () => inorder.version(),
    ]) {
      try {
        make();
      } catch (error) {
        console.log(error instanceof inorder.InOrderError, error.message.includes("await init()"));
      }
    }
    const place = import.meta.resolve("inorder/inorder.wasm");
    await Promise.all([init(), init(place), init(new URL(place))]);
    console.log(await use(inorder), inorder.version() !== "");`,
  );
  const told = "true true\n".repeat(4);
  assert.equal(run(process.execPath, ["--no-warnings", "init.mjs"]), `${told}2 4 6 true\n`);
});

for (const condition of ["workerd", "edge-light"]) {
  test(`${condition} gets the module from its platform`, () => {
    write(
      "platform.mjs",
      `export async function load(url, context, next) {
        if (!/inorder\\.wasm(\\?module)?$/.test(url)) return next(url, context);
        const path = JSON.stringify(new URL(url).pathname);
        const source = \`import { readFileSync } from "node:fs";
          export default new WebAssembly.Module(readFileSync(\${path}));\`;
        return { format: "module", source, shortCircuit: true };
      }`,
    );
    write(
      "register.mjs",
      `import { register } from "node:module"; register("./platform.mjs", import.meta.url);`,
    );
    const args = ["--no-warnings", "--import", "./register.mjs", "-C", condition, "import.mjs"];
    assert.equal(run(process.execPath, args), "2 4 6\n");
  });
}

test("a bundler keeps the initialisation, and a plain script can run the result", () => {
  run(join(bin, "esbuild"), [
    ...["import.mjs", "--bundle", "--format=esm", "--minify", "--outfile=bundled.mjs"],
    "--log-level=error",
  ]);
  assert.equal(run(process.execPath, ["bundled.mjs"]), "2 4 6\n");
  assert.doesNotMatch(readFileSync(join(project, "bundled.mjs"), "utf8"), /import\.meta/);
});

test("TypeScript finds the declarations for import and for require", () => {
  const use = `const pages = map([1, 2], async (n: number) => String(n), { concurrency: 2 });
    export async function all(): Promise<string[]> { return await pages.toArray(); }`;
  write(
    "esm.mts",
    `import { map } from "inorder"; import init from "inorder/slim"; void init; ${use}`,
  );
  write("common.cts", `import { map } from "inorder"; ${use}`);
  const options = [
    "--noEmit",
    "--strict",
    "--target",
    "es2022",
    "--lib",
    "es2023,esnext.disposable,dom",
  ];
  const files = ["esm.mts", "common.cts"];
  run(join(bin, "tsc"), [...options, "--module", "nodenext", "--types", "", ...files]);
});

test("nothing that the module imports can call a user's code", () => {
  const module = new WebAssembly.Module(readFileSync(join(installed, "dist/inorder.wasm")));
  const imports = WebAssembly.Module.imports(module);
  // What builds plain values and throws. No call, apply, get, Reflect, iterator, closure or promise.
  const harmless =
    /^(__wbindgen_(init_externref_table|(cast|generic)_[0-9a-f]+|object_drop_ref)|__wbg_(new|set|push|Error|String|length|buffer|prototypesetcall|newwithlength|new_from_slice|new_with_length|__wbindgen_(throw|is_undefined|string_new|number_new|bigint_new|debug_string|memory))_[0-9a-f]+|__wbg_(set|new)_[a-z_]+_[0-9a-f]+)$/;
  for (const { module: from, name, kind } of imports) {
    assert.equal(kind, "function", name);
    assert.equal(from, "./inorder_js_bg.js", name);
    assert.match(name, harmless);
  }
});
