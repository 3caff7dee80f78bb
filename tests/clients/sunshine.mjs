// What the cases under sunshine/ share: the vendor's client of v2, unmodified; an app of each case's own, with a custom
// integration whose webhook hears everything. The rest is in harness.mjs.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import sunshine from 'sunshine-conversations-client';

import { promised } from './answers.mjs';
import {
    Line, account as first, accountKey, endpointAt, eventsAt, eventually, providerAccount, serviceUrl,
} from './harness.mjs';
import { row } from './table.mjs';

const ENDING = 'WithHttpInfo';

// The client's classes of methods.
const classes = Object.entries(sunshine).filter(([name, one]) => name.endsWith('Api') && one.prototype);

const methodsOf = (one) => Object.getOwnPropertyNames(one.prototype)
    .filter((name) => name.endsWith(ENDING)).map((name) => name.slice(0, -ENDING.length));

// Every method the client has, by its class and name.
export const allMethods = () => classes.flatMap(([name, one]) => methodsOf(one).map((method) => `${name}.${method}`));

// These say everything themselves; all others begin with the app.
const WITHOUT_APP = /^(AppsApi|OAuthEndpointsApi)\./;

// The client with these credentials. A method answers the body as it came: what the client makes of it loses fields.
// What each was seen to do is added to `calls`.
export function clientWith({ keyId, secret }, appId, calls = []) {
    const client = new sunshine.ApiClient();
    client.basePath = serviceUrl;
    Object.assign(client.authentications.basicAuth, { username: keyId, password: secret });
    const api = {};
    for (const [name, Class] of classes) {
        const one = new Class(client);
        api[name] = {};
        for (const method of methodsOf(Class)) {
            const full = `${name}.${method}`;
            api[name][method] = async (...given) => {
                const all = WITHOUT_APP.test(full) ? given : [appId, ...given];
                const call = { method: full, values: new Set(all.filter((value) => typeof value === 'string')) };
                calls.push(call);
                try {
                    const { response } = await one[method + ENDING](...all);
                    return heard(call, response);
                } catch (refusal) {
                    if (!refusal.response) throw refusal.error ?? refusal;
                    throw Object.assign(new Error(), { status: refusal.status, body: heard(call, refusal.response) });
                }
            };
        }
    }
    return api;
}

function heard(call, response) {
    const { method: verb, path: target } = response.req;
    Object.assign(call, { verb, target, status: response.status, body: response.body });
    promised(call);
    return response.body;
}

// The client with the account's key.
export const account = clientWith(accountKey);

const ALL = ['*', 'notification:delivery:channel', 'notification:delivery:failure', 'notification:delivery:user'];

let made = 0;

// An app of a case's own, with keys of each scope.
class World {
    static async made(scope) {
        const world = new World();
        Object.assign(world, { scope, calls: [] });
        made += 1;
        world.name = `shop-${made}`;
        world.appId = (await account.AppsApi.createApp({ displayName: world.name })).app.id;
        const key = async (of, ...owner) => {
            const { id: keyId, secret } = (await of(...owner, { displayName: 'its own' })).key;
            return { keyId, secret };
        };
        world.above = clientWith(accountKey, world.appId);
        world.keys = { account: accountKey, app: await key(world.above.AppKeysApi.createAppKey) };
        world.own = clientWith(world.keys.app, world.appId);
        const target = endpointAt(`/${world.appId}`);
        const webhooks = [{ target, triggers: ALL, includeFullUser: true, includeFullSource: true }];
        const { integration } = await world.own.IntegrationsApi.createIntegration({ type: 'custom', webhooks });
        world.custom = integration;
        world.keys.integration =
            await key(world.own.CustomIntegrationApiKeysApi.createCustomIntegrationKey, integration.id);
        world.api = clientWith(world.keys[scope], world.appId, world.calls);
        return world;
    }

    // Waits for an event, and answers what it tells.
    async heard(type, fits = () => true) {
        const seen = () => eventsAt(`/${this.appId}`).find((one) => one.type === type && fits(one.payload));
        return (await eventually(type, seen)).payload;
    }

    // An integration of this channel, made through the client, and the person at its other end.
    async joined(kind, by = this.own, more = {}) {
        const provider = await providerAccount(kind);
        const { integration } = await by.IntegrationsApi.createIntegration({ type: kind, ...provider.settings, ...more });
        const shown = (await first.integrations.get(this.appId, integration.id)).integration;
        const line = new Line(shown, provider);
        await line.admit();
        return line;
    }

    // A user, with the id that the business calls them by.
    async user(facts = {}) {
        made += 1;
        return (await this.own.UsersApi.createUser({ externalId: `user/${made}@example.com`, ...facts })).user;
    }

    // A personal conversation of this user.
    async conversation(user, facts = {}) {
        const participants = [{ userId: user.id }];
        const body = { type: 'personal', participants, ...facts };
        return (await this.own.ConversationsApi.createConversation(body)).conversation;
    }

    // A group of these users.
    async group(...users) {
        const participants = users.map(({ id }) => ({ userId: id, subscribeSDKClient: true }));
        return (await this.own.ConversationsApi.createConversation({ type: 'sdkGroup', participants })).conversation;
    }

    // What the business says there.
    async said(conversation, content = { type: 'text', text: 'Hello' }) {
        const body = { author: { type: 'business' }, content };
        return (await this.own.MessagesApi.postMessage(conversation.id, body)).messages[0];
    }

    // A user who wrote on this channel, their conversation, and the line to them.
    async writer(kind) {
        const line = await this.joined(kind);
        await line.write('Hello');
        const { conversation, message } = await this.heard('conversation:message');
        return { line, conversation, user: message.author.userId, message };
    }

    // A switchboard that is on, with the case's custom integration as its default and another beside it.
    async switchboard() {
        const { SwitchboardsApi, SwitchboardIntegrationsApi, IntegrationsApi } = this.own;
        const { id } = (await SwitchboardsApi.createSwitchboard()).switchboard;
        const webhooks = [{ target: endpointAt(`/${this.appId}/other`), triggers: ['*'] }];
        const { integration } = await IntegrationsApi.createIntegration({ type: 'custom', webhooks });
        const put = async (name, integrationId) => (await SwitchboardIntegrationsApi.createSwitchboardIntegration(
            id, { name, integrationId, deliverStandbyEvents: true },
        )).switchboardIntegration;
        const one = await put('bot', this.custom.id);
        const other = await put('desk', integration.id);
        const body = { enabled: true, defaultSwitchboardIntegrationId: one.id };
        await SwitchboardsApi.updateSwitchboard(id, body);
        return { id, one, other };
    }
}

// Who may call what, where it is not whoever reaches the app: the account, its apps' keys, custom integrations.
const SCOPES = [
    [/^AppsApi\.(create|list|delete)App|^AppKeysApi\./, ['account']],
    [/^AppsApi\.|^Integrations|^CustomIntegration|^Switchboards|^SwitchboardIntegrations/, ['app', 'account']],
    [/^OAuthEndpointsApi\.revokeAccess/, ['integration']],
    [/./, ['app', 'account', 'integration']],
];

// A case for each key that may call this method: it must call it, be answered 2xx, and see the effect. `detail` tells
// several cases of one method apart.
export function method(name, ...rest) {
    const [work, detail] = rest.reverse();
    cases(name, detail, async (world) => {
        await work(world);
        const taken = world.calls.filter((call) => call.method === name && Math.floor(call.status / 100) === 2);
        assert.ok(taken.length > 0, `${name} was called and answered 2xx`);
        taken.forEach((call) => row(name).saw(call, String(call.status)));
    });
}

// A case for a method outside what the gateway does, or for a type that it does not: it must be refused so.
export function refused(name, status, code, work, { group, isIn = false } = {}) {
    cases(name, group, async (world) => {
        await rejectedWith(work(world), status, code);
        const call = world.calls.at(-1);
        assert.equal(call.method, name);
        row(group ? `${name}: ${group}` : name, isIn).saw(call, `${status} \`${code}\``);
    });
}

function cases(name, detail, work) {
    const [, scopes] = SCOPES.find(([names]) => names.test(name));
    for (const scope of scopes) {
        const title = [name, detail, `with the key of ${scope}`].filter(Boolean).join(', ');
        test(title, async () => work(await World.made(scope)));
    }
}

// The call is refused with this status and code, and says why.
export const rejectedWith = (promise, status, code) => assert.rejects(promise, (refusal) => {
    const [error, ...more] = refusal.body?.errors ?? [];
    assert.deepEqual([refusal.status, error?.code, more], [status, code, []], refusal.stack);
    assert.ok(error.title, 'it says why');
    return true;
});
