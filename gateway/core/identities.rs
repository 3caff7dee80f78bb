//! What people have shown: that an address is theirs, that they are who they say.

use crate::model::{Event, Id, Source, Tenant, User, What};
use crate::store::Batch;

use super::records::{Linked, address_id};
use super::{Core, CoreError, retried};

impl Core {
    /// The people who have shown that an email address is theirs. What a business says of somebody's address shows
    /// nothing.
    pub async fn users_by_email(&self, tenant: &Tenant, email: &str) -> Result<Vec<User>, CoreError> {
        let app = &tenant.app.id;
        let email = email.trim().to_ascii_lowercase();
        let mail = tenant.integrations.iter().filter(|integration| integration.kind == User::MAIL);
        let ids: Vec<String> = mail.map(|integration| address_id(&integration.id, &email)).collect();
        let found = self.store.load_all::<Linked>(app, &ids).await?;
        let mut people: Vec<Id<User>> = found.into_iter().flatten().map(|read| read.value.user).collect();
        people.sort();
        people.dedup();
        let mut users = Vec::new();
        for id in people {
            let user = self.person(app, &id).await?.map(|read| read.value);
            users.extend(user.filter(|user| user.emails().contains(&email.as_str())));
        }
        Ok(users)
    }
}

impl Core {
    /// Somebody proved by a token to be this user. The first time that is kept, and told.
    pub async fn prove(&self, tenant: &Tenant, user: &User) -> Result<(), CoreError> {
        if user.authenticated {
            return Ok(());
        }
        retried(|| self.try_prove(tenant, &user.id)).await
    }

    async fn try_prove(&self, tenant: &Tenant, user: &Id<User>) -> Result<(), CoreError> {
        let app = &tenant.app.id;
        let found = self.store.load::<User>(app, user.as_str()).await?;
        let Some(mut read) = found.filter(|read| !read.value.authenticated) else { return Ok(()) };
        read.value.authenticated = true;
        let mut batch = Batch::new(app);
        batch.update(&read);
        let (reason, source) = ("authentication".to_owned(), Source::of("api"));
        let what = What::UserUpdated { user: read.value, reason, source };
        self.announce(&mut batch, tenant, &Event::new(app, self.clock.now(), what));
        Ok(self.store.commit(batch).await?)
    }
}
