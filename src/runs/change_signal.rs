//! Notification of commits by this server.

use tokio::sync::watch;

/// Notifies subscribers of commits by this server. Notifications coalesce: a subscriber receives one for all that were
/// sent since it last waited.
#[derive(Clone, Debug, Default)]
pub struct ChangeSignal(watch::Sender<()>);

impl ChangeSignal {
    /// Notifies all subscribers.
    pub(crate) fn notify(&self) {
        self.0.send_replace(());
    }

    /// Subscribes to the commits that follow.
    pub(crate) fn subscribe(&self) -> ChangeSubscriber {
        ChangeSubscriber(self.0.subscribe())
    }
}

/// A subscriber to the commits by this server.
#[derive(Debug)]
pub(crate) struct ChangeSubscriber(watch::Receiver<()>);

impl ChangeSubscriber {
    /// Returns once a change has been committed since the last call. Never returns again once every signal is dropped.
    pub(crate) async fn notified(&mut self) {
        if self.0.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
