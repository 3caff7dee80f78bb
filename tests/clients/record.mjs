// What the clients' methods were seen to do on the wire: the request each made and the status it was answered.

import { AsyncLocalStorage } from 'node:async_hooks';
import { Agent } from 'node:http';

// What a path's segment after this word names.
const NAMED = {
    apps: 'app',
    appusers: 'user',
    channels: 'channel',
    clients: 'client',
    conversations: 'conversation',
    deployments: 'deployment',
    devices: 'device',
    integrations: 'integration',
    keys: 'key',
    messages: 'message',
    messageTemplates: 'name',
    serviceaccounts: 'account',
    switchboardIntegrations: 'switchboardIntegration',
    switchboards: 'switchboard',
    templates: 'template',
    users: 'user',
    webhooks: 'webhook',
};

const calling = new AsyncLocalStorage();

// The client hands its agent to every request it makes: the place to see them without touching the client.
class Witness extends Agent {
    addRequest(request, ...rest) {
        const call = calling.getStore();
        if (call) {
            call.verb = request.method;
            call.target = request.path;
            request.once('response', (response) => { call.status = response.statusCode; });
        }
        return super.addRequest(request, ...rest);
    }
}

export const witness = new Witness();

const isApi = (value) => typeof value?.validateAuthHeaders === 'function';

// The methods of one API object: what its own prototypes add to what all have, the client's inner checks apart.
function methodsOf(api) {
    const names = new Set();
    let prototype = Object.getPrototypeOf(api);
    while (!Object.hasOwn(prototype, 'validateAuthHeaders')) {
        for (const name of Object.getOwnPropertyNames(prototype)) {
            if (typeof prototype[name] === 'function' && !/^(constructor$|validate)/.test(name)) names.add(name);
        }
        prototype = Object.getPrototypeOf(prototype);
    }
    return [...names];
}

// Every method a client has, by its dotted name, however deep.
export function allMethods(client, prefix = '') {
    return Object.entries(client).flatMap(([name, part]) => {
        if (!isApi(part)) return [];
        const own = methodsOf(part).map((method) => `${prefix}${name}.${method}`);
        return [...own, ...allMethods(part, `${prefix}${name}.`)];
    });
}

// A client whose calls are noted in `calls`. Where a method wants the app, as with an account's key, it is given
// this one: a case reads the same with either key.
export function noted(client, appId, calls, prefix = '') {
    return new Proxy(client, {
        get(api, name) {
            const value = api[name];
            if (isApi(value)) return noted(value, appId, calls, `${prefix}${name}.`);
            if (typeof value !== 'function' || !isApi(api)) return value;
            return (...given) => {
                const call = { method: `${prefix}${name}`, values: new Set([appId, ...strings(given)]) };
                calls.push(call);
                return calling.run(call, async () => value.apply(api, withApp(api, appId, given)));
            };
        },
    });
}

// A single object is taken for the client's named arguments.
const isNamed = (given) => given.length === 1 && typeof given[0] === 'object';

function withApp(api, appId, given) {
    if (!api.requireAppId) return given;
    return isNamed(given) ? [{ appId, ...given[0] }] : [appId, ...given];
}

function strings(given) {
    const values = isNamed(given) ? Object.values(given[0]) : given;
    return values.filter((value) => typeof value === 'string');
}

// A call's path after its version, with names in the place of what was given.
export function path(call) {
    const [empty, version, ...rest] = call.target.split('?')[0].split('/');
    if (empty !== '' || !['v1.1', 'v2', 'oauth'].includes(version)) {
        throw new Error(`${call.method} asked for ${call.target}`);
    }
    const segments = version === 'oauth' ? [version, ...rest] : rest;
    const shown = segments.map((segment, at) =>
        (call.values.has(decodeURIComponent(segment)) ? `{${NAMED[segments[at - 1]]}}` : segment));
    return `/${shown.join('/')}`;
}
