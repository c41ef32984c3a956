// Looks at a document of OpenAPI by npm's @seriousme/openapi-schema-validator.
//
//     openapi_validate.mjs FILE     prints its version when it is sound
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

// Found as the other programs' packages are: by NODE_PATH, which import knows nothing of.
const require = createRequire(import.meta.url);
const { Validator } = await import(
  pathToFileURL(require.resolve("@seriousme/openapi-schema-validator")));

const validator = new Validator();
const found = await validator.validate(JSON.parse(readFileSync(process.argv[2], "utf8")));
if (!found.valid) {
  console.error(JSON.stringify(found.errors, null, 1));
  process.exit(1);
}
console.log(validator.version);
