//! Notification that this server has committed a change.

use tokio::sync::watch;

/// Notifies subscribers of commits by this server. Notifications coalesce: a subscriber receives one for all that were
/// sent since it last waited.
#[derive(Clone, Debug, Default)]
pub struct ChangeSignal(watch::Sender<()>);

impl ChangeSignal {
    /// Reports that a change has been committed.
    pub(crate) fn notify(&self) {
        self.0.send_replace(());
    }

    /// Returns a subscriber to the commits that follow.
    pub(crate) fn subscribe(&self) -> ChangeSubscriber {
        ChangeSubscriber(self.0.subscribe())
    }
}

/// Waits for commits by this server.
#[derive(Debug)]
pub(crate) struct ChangeSubscriber(watch::Receiver<()>);

impl ChangeSubscriber {
    /// Returns once a change has been committed since the last call. Never returns again once every signal is dropped.
    pub(crate) async fn notified(&mut self) {
        if self.0.changed().await.is_err() {
            std::future::pending().await
        }
    }
}
