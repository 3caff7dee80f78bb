// What the cases share: the vendor's own client, unmodified; an app of each case's own; the simulator at its other
// end and the endpoint of its webhooks.
//
// HELIOGRAPH_CLIENTS_API and HELIOGRAPH_CLIENTS_SIM name the gateway and its simulator (`tests/run` sets them);
// the gateway runs on config.toml beside this file.

import assert from 'node:assert/strict';
import { createReadStream } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { noted, witness } from './record.mjs';
import { row } from './table.mjs';

// With Node's own form data in its place the client sends a form as the text `[object FormData]`; without, it brings
// the one it was written for. So it is loaded only now.
delete globalThis.FormData;
const { default: SmoochCore } = await import('smooch-core');

export const serviceUrl = address('HELIOGRAPH_CLIENTS_API');
const simulator = address('HELIOGRAPH_CLIENTS_SIM');
export const accountKey = { keyId: 'act_000000000000000000000001', secret: 'fake-account-secret', scope: 'account' };

// A client with these credentials.
export const clientWith = (credentials) => new SmoochCore({ ...credentials, serviceUrl, httpAgent: witness });

// The client with the account's key.
export const account = clientWith(accountKey);

function address(name) {
    const value = process.env[name];
    assert.ok(value, `${name} must be set; tests/run sets it`);
    return value;
}

// Waits until `look` sees something, and answers it.
export async function eventually(what, look) {
    const deadline = Date.now() + 20_000;
    for (;;) {
        const seen = await look();
        if (seen) return seen;
        assert.ok(Date.now() < deadline, `waited in vain for ${what}`);
        await new Promise((resolve) => setTimeout(resolve, 20));
    }
}

// A webhook endpoint, as a customer would run it: what came to each of its paths.
const arrivals = new Map();
const endpoint = createServer((request, response) => {
    const parts = [];
    request.on('data', (part) => parts.push(part));
    request.on('end', () => {
        const event = { headers: request.headers, ...JSON.parse(Buffer.concat(parts)) };
        arrivals.set(request.url, [...(arrivals.get(request.url) ?? []), event]);
        response.end();
    });
});

let folder;

before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'clients-'));
    await new Promise((resolve) => endpoint.listen(0, '127.0.0.1', resolve));
});

after(async () => {
    endpoint.close();
    await rm(folder, { recursive: true });
});

// A picture of one pixel.
export const PICTURE = Buffer.from(
    'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
    'base64',
);

// A file of this name to be sent, as the client wants it: a stream.
export async function fileOf(name, bytes) {
    const path = join(await mkdtemp(join(folder, 'file-')), name);
    await writeFile(path, bytes);
    return createReadStream(path);
}

// An address of the endpoint.
export const endpointAt = (path) => `http://127.0.0.1:${endpoint.address().port}${path}`;

// What came there so far.
export const arrivedAt = (path) => arrivals.get(path) ?? [];

// Everything that came there so far, as the endpoint's own clients would read it: event by event.
export const eventsAt = (path) => arrivedAt(path).flatMap((call) => call.events);

// A call of the simulator, which answers JSON.
export async function simulated(path, options = {}) {
    const response = await fetch(`${simulator}${path}`, options);
    const said = await response.json();
    assert.ok(response.ok, `${path}: ${JSON.stringify(said)}`);
    return said;
}

const asked = (path, method, body) =>
    simulated(path, { method, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });

let made = 0;

// A number that no case before had.
const next = () => { made += 1; return made; };

// Phone numbers reserved for stories: 555-01xx, a hundred to an area.
function phone() {
    const number = next();
    return `+1${201 + Math.floor(number / 100)}55501${String(number % 100).padStart(2, '0')}`;
}

const digits = (length) => String(next()).padStart(length, '1');

// Per channel: an account at the provider, made up; which of it only the provider knows; and a person there.
const CHANNELS = {
    mailgun: () => ({
        settings: {
            apiKey: 'fake-api-key', domain: `mg${next()}.example.com`, signingKey: `fake-signing-key-${next()}`,
        },
        person: `person${next()}@example.org`,
    }),
    messagebird: () => ({
        settings: {
            accessKey: `fake-access-key-${next()}`, originator: phone(), signingKey: `fake-signing-key-${next()}`,
        },
        person: phone(),
    }),
    messenger: () => ({
        settings: {
            pageAccessToken: `fake-page-token-${next()}`, appId: digits(16), appSecret: `fake-app-secret-${next()}`,
        },
        theirs: { pageId: digits(15) },
        person: digits(16),
    }),
    twilio: () => ({
        settings: {
            accountSid: `AC${digits(32)}`, authToken: 'fake-auth-token', phoneNumberSid: `PN${digits(32)}`,
        },
        person: phone(),
    }),
    whatsapp: () => ({
        settings: {
            phoneNumberId: digits(15),
            accessToken: `fake-access-token-${next()}`,
            appSecret: `fake-app-secret-${next()}`,
            phoneNumber: phone(),
            accountId: digits(15),
            accountManagementAccessToken: `fake-account-token-${next()}`,
        },
        person: phone(),
    }),
};

// An account at a provider, which the simulator knows from then on.
export async function providerAccount(kind) {
    const { settings, theirs, person } = CHANNELS[kind]();
    if (kind === 'mailgun') settings.incomingAddress = `support@${settings.domain}`;
    const known = { ...settings, ...theirs };
    const admit = (integrationId, hookUrl, more = {}) =>
        asked('/control/accounts', 'PUT', { integrationId, type: kind, hookUrl, settings: { ...known, ...more } });
    await admit(`account ${next()}`, 'http://127.0.0.1:1/');
    return { kind, settings, person, known, admit };
}

// An integration at work, and the person at its other end.
export class Line {
    constructor(integration, { kind, person, known, admit }) {
        Object.assign(this, { id: integration._id, integration, kind, person, known });
        // The provider's side of it is changed.
        this.admit = (more) => admit(integration._id, integration.hookUrl, more);
    }

    // The person writes.
    async write(text, more = {}) {
        const said = { integrationId: this.id, from: this.person, text, ...more };
        const told = await asked('/control/write', 'POST', said);
        assert.equal(Math.floor(told.status / 100), 2, `the gateway took the hook: ${JSON.stringify(told)}`);
        return told;
    }

    // What reached the person, once there is so much.
    received(count) {
        return eventually(`${count} messages at ${this.person}`, async () => {
            const { sent } = await simulated('/control/sent');
            const here = sent.filter((one) => one.integrationId === this.id && one.to === this.person);
            return here.length >= count && here;
        });
    }

    // What the person was shown beside messages, once there is something.
    acts() {
        return eventually(`something shown on ${this.kind}`, async () => {
            const { acts } = await simulated('/control/acts');
            const here = acts.filter((one) => one.integrationId === this.id);
            return here.length > 0 && here;
        });
    }
}

// An app of a case's own, with its key, and a webhook that hears everything.
class World {
    // `scope` says whose key the client has: the app's, with which it leaves the app out of most paths, or the
    // account's.
    static async made(scope) {
        const world = new World();
        world.calls = [];
        world.appId = (await account.apps.create(`Shop ${next()}`)).app._id;
        world.key = (await account.apps.keys.create(world.appId, 'its own')).key;
        world.own = clientWith({ keyId: world.key._id, secret: world.key.secret, scope: 'app' });
        world.api = noted(scope === 'app' ? world.own : account, world.appId, world.calls);
        const target = endpointAt(`/${world.appId}`);
        world.webhook = (await world.own.webhooks.create({ target, triggers: ['*'] })).webhook;
        return world;
    }

    // Waits for an event, and answers it.
    heard(trigger, fits = () => true) {
        return eventually(trigger, () =>
            arrivedAt(`/${this.appId}`).find((one) => one.trigger === trigger && fits(one)));
    }

    // An integration of this channel, made through the client.
    async joined(kind, by = this.own) {
        const provider = await providerAccount(kind);
        const props = { type: kind, displayName: `Our ${kind}`, ...provider.settings };
        const { integration } = await by.integrations.create({ appId: this.appId, props });
        const line = new Line(integration, provider);
        await line.admit();
        return line;
    }

    // A user, with the id that the business calls them by.
    async user(facts = {}) {
        return (await this.own.appUsers.create({ appUser: { userId: `user${next()}@example.com`, ...facts } })).appUser;
    }

    // A user who wrote on this channel, and the line to them.
    async writer(kind) {
        const line = await this.joined(kind);
        await line.write('Hello');
        const event = await this.heard('message:appUser');
        return { line, user: event.appUser._id };
    }

    // A user whom the business linked to a phone, and the line to them.
    async linked(facts) {
        const line = await this.joined('twilio');
        const user = await this.user(facts);
        await this.own.appUsers.linkChannel(user._id, {
            type: 'twilio', integrationId: line.id, phoneNumber: line.person, confirmation: { type: 'immediate' },
        });
        await this.heard('link:success', (one) => one.appUser._id === user._id);
        return { line, user: user._id, userId: user.userId };
    }
}

// With an app's key these have nothing to say.
const ACCOUNT_ONLY = /^(apps|serviceAccounts|deployments)\./;

// A case for each key that may call this method: it must call it, be answered 2xx, and see the effect. `detail` tells
// several cases of one method apart.
export function method(name, ...rest) {
    const [work, detail] = rest.reverse();
    cases(name, detail, async (world) => {
        await work(world);
        const calls = world.calls.filter((call) => call.method === name);
        const taken = calls.filter((call) => Math.floor(call.status / 100) === 2);
        assert.ok(taken.length > 0, `${name} was called and answered 2xx`);
        taken.forEach((call) => row(name).saw(call, String(call.status)));
    });
}

// A case for a method outside what the gateway does: it must be refused so. Cases of a `group` share a row.
export function refused(name, status, code, work, { detail, group } = {}) {
    cases(name, detail, async (world) => {
        await assert.rejects(work(world), (error) => {
            assert.deepEqual([error.response?.status, error.code], [status, code], error.message);
            assert.ok(error.description, 'it says why');
            return true;
        });
        const call = world.calls.at(-1);
        assert.equal(call.method, name);
        row(group ? `${name}: ${group}` : name, false).saw(call, `${status} \`${code}\``);
    });
}

function cases(name, detail, work) {
    for (const scope of ACCOUNT_ONLY.test(name) ? ['account'] : ['app', 'account']) {
        const title = [name, detail, `with the ${scope}'s key`].filter(Boolean).join(', ');
        test(title, async () => work(await World.made(scope)));
    }
}

// The call is refused with this code.
export const rejectedWith = (promise, code) => assert.rejects(promise, { code });
