internal import Shared
internal import Synchronization

/// Lets commands ask the gateway something, although the queue's client is made after them.
final class GatewayLink: Sendable {
    private let client = Mutex<QueueClient?>(nil)

    func attach(_ client: QueueClient?) {
        self.client.withLock { $0 = client }
    }

    /// What the gateway says about itself; nil if it does not answer in time.
    func status() async -> JSON? {
        await client.withLock { $0 }?.gatewayStatus()
    }
}
