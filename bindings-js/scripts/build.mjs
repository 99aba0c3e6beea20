// Builds the npm package into dist/: cargo → bindgen → wasm-opt → one file per
// entry of packaging/. `node scripts/build.mjs [--opt=-O3]`.
import { execFileSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { build } from "esbuild";

const { values } = parseArgs({ options: { opt: { type: "string", default: "-O3" } } });
const here = dirname(dirname(fileURLToPath(import.meta.url)));
const target = process.env.CARGO_TARGET_DIR ?? join(here, "../target");
const glue = join(target, "bindgen");
const dist = join(here, "dist");
const wasm = join(glue, "inorder.wasm");

const run = (command, args) => execFileSync(command, args, { cwd: here, stdio: "inherit" });

// The directories of the machine that builds it are nobody's business.
const home = process.env.CARGO_HOME ?? join(homedir(), ".cargo");
const flags = `--remap-path-prefix=${home}=/cargo --remap-path-prefix=${dirname(here)}=/inorder`;
process.env.CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS = flags;

function compile() {
  run("cargo", [
    "build",
    "-q",
    "-p",
    "inorder-js",
    "--target",
    "wasm32-unknown-unknown",
    "--profile",
    "wasm",
  ]);
  const compiled = join(target, "wasm32-unknown-unknown/wasm/inorder_js.wasm");
  run("cargo", ["run", "-q", "-p", "inorder-js-xtask", "--", compiled, glue]);
  run(process.execPath, [
    join(here, "node_modules/binaryen/bin/wasm-opt"),
    values.opt,
    join(glue, "inorder_js_bg.wasm"),
    "-o",
    wasm,
  ]);
}

/** The names by which the sources import what only exists after a build. */
const built = {
  name: "built",
  setup({ onResolve }) {
    onResolve({ filter: /^#core$/ }, () => ({ path: join(glue, "inorder_js.js") }));
    onResolve({ filter: /^#wasm$/ }, () => ({ path: wasm }));
    // Left for the platform, which compiles the module itself.
    onResolve({ filter: /^\.\/inorder\.wasm/ }, ({ path }) => ({ path, external: true }));
  },
};

async function bundle(entry, outfile, format) {
  const { warnings } = await build({
    absWorkingDir: here,
    entryPoints: [join("packaging", entry)],
    outfile: join(dist, outfile),
    bundle: true,
    format,
    platform: "neutral",
    target: "es2022",
    loader: { ".wasm": "binary" },
    // Writes the numbers of js/codes.js into the code: an engine looks a name up at each use.
    minifySyntax: true,
    plugins: [built],
    // A bare name would be a dependency that nobody installs.
    packages: "bundle",
    logLevel: "warning",
  });
  if (warnings.length > 0) process.exit(1);
}

function types() {
  const from = join(here, "types");
  for (const file of existsSync(from) ? readdirSync(from) : []) {
    if (!file.endsWith(".d.ts")) continue;
    cpSync(join(from, file), join(dist, file));
    const text = readFileSync(join(from, file), "utf8");
    // The same declarations for `require`: TypeScript takes a .d.ts of this
    // package for a module that only `import` can load.
    const common = text.replaceAll(/(from\s+|import\()"(\.{1,2}\/[^"]*)\.js"/g, '$1"$2.cjs"');
    writeFileSync(join(dist, file.replace(/\.d\.ts$/, ".d.cts")), common);
  }
}

compile();
rmSync(dist, { recursive: true, force: true });
mkdirSync(dist);
cpSync(wasm, join(dist, "inorder.wasm"));
await bundle("inline.js", "index.js", "esm");
await bundle("inline.js", "index.cjs", "cjs");
await bundle("slim.js", "slim.js", "esm");
await bundle("workerd.js", "workerd.js", "esm");
await bundle("edge-light.js", "edge-light.js", "esm");
types();
// npm leaves links out of its archives.
for (const name of ["LICENSE-MIT", "LICENSE-APACHE"])
  cpSync(join(here, "..", name), join(here, name));
