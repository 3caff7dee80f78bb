// Holds the gateway's answers to its own OpenAPI document of v2: what that does not say must not be there.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';

import Ajv from 'ajv/dist/2020.js';

const document = JSON.parse(readFileSync(new URL('../../gateway/openapi/v2.json', import.meta.url)));
const ajv = new Ajv({ strict: false, validateFormats: false });
ajv.addSchema(document, 'v2');

const patterns = Object.keys(document.paths).map((path) => ({
    path, shape: new RegExp(`^${path.replace(/\{\w+\}/g, '[^/]+')}$`),
}));

// The operation that a request is, where the document has it.
function operation(verb, target) {
    const asked = target.split('?')[0];
    const fitting = patterns.filter(({ shape }) => shape.test(asked)).map(({ path }) => path);
    // A word says more than a name in its place.
    const [path] = fitting.sort((a, b) => a.split('{').length - b.split('{').length);
    return path && document.paths[path][verb.toLowerCase()];
}

const checks = new Map();

function check(reference) {
    if (!checks.has(reference)) checks.set(reference, ajv.compile({ $ref: `v2${reference}` }));
    return checks.get(reference);
}

// Asserts that this answer is one that the document promises.
export function promised({ verb, target, status, body }) {
    const asked = `${verb} ${target}`;
    const answers = operation(verb, target)?.responses;
    assert.ok(answers, `the document has ${asked}`);
    const answer = answers[status]?.$ref;
    assert.ok(answer, `the document has ${status} for ${asked}`);
    const fits = check(`${answer}/content/application~1json/schema`);
    assert.ok(fits(body), `${asked} was answered ${status} ${JSON.stringify(body)}\n${ajv.errorsText(fits.errors)}`);
}
