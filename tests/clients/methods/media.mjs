// What waits for uploads and erasure.

import { refused } from '../harness.mjs';

refused('attachments.create', 404, 'not_found', ({ api }) =>
    api.attachments.create({ props: { access: 'public' }, source: {} }));

refused('attachments.delete', 404, 'not_found', ({ api }) => api.attachments.delete('http://example.com/file'));

refused('appUsers.uploadImage', 404, 'not_found', async (world) =>
    world.api.appUsers.uploadImage((await world.user())._id, 'a picture', { role: 'appMaker' }));

refused('appUsers.delete', 405, 'method_not_allowed', async (world) =>
    world.api.appUsers.delete((await world.user())._id));
