//! The account at a server: kept, or opened when it is first needed. One at a time for all orders under it.

use std::sync::Arc;

use instant_acme::{Account, ExternalAccountKey, NewAccount};
use tokio::sync::Mutex;

use super::caller::Caller;
use super::folder::Folder;
use super::order::OrderError;
use super::{AccountTerms, Server};

/// An account that may not be open yet.
#[derive(Default)]
pub(super) struct Accounts {
    open: Mutex<Option<Account>>,
}

impl std::fmt::Debug for Accounts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Accounts")
    }
}

impl Accounts {
    /// The account: the one that is open, the one that is kept, or a new one, which is kept before it is used.
    pub(super) async fn get(
        &self,
        folder: &Folder,
        server: &Server,
        terms: &AccountTerms,
    ) -> Result<Account, OrderError> {
        // Whoever waits here would open a second account otherwise.
        let mut open = self.open.lock().await;
        if let Some(account) = &*open {
            return Ok(account.clone());
        }
        let caller = Caller::new(server)?;
        let builder = Account::builder_with_http(Box::new(caller));
        let account = match folder.account()? {
            Some(kept) => builder.from_credentials(kept).await?,
            None => {
                let contact = terms.email.as_ref().map(|email| format!("mailto:{email}"));
                let contact: Vec<&str> = contact.as_deref().into_iter().collect();
                let new = NewAccount {
                    contact: &contact,
                    terms_of_service_agreed: terms.terms_agreed,
                    only_return_existing: false,
                };
                let external = terms
                    .external
                    .as_ref()
                    .map(|external| ExternalAccountKey::new(external.key_id.clone(), &external.hmac_key));
                let (account, credentials) = builder
                    .create(&new, server.directory.clone(), external.as_ref())
                    .await?;
                folder.keep_account(&credentials)?;
                account
            }
        };
        *open = Some(account.clone());
        Ok(account)
    }

    /// Forgets an account that its server does not know (any more); the next order opens another.
    pub(super) async fn forget(self: &Arc<Self>, folder: &Folder) -> Result<(), OrderError> {
        let mut open = self.open.lock().await;
        *open = None;
        folder.forget_account()?;
        Ok(())
    }
}
