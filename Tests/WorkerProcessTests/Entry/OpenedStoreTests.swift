import Logging
import Shared
import Synchronization
import Testing

@testable import WorkerProcess

@Suite struct OpenedStoreTests {
    private let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    private let backoff = Backoff(first: .milliseconds(1), maximum: .milliseconds(2))

    @Test func `a database that is down is waited for`() async throws {
        let store = FakeStore()
        store.fail(FakeStore.error(.unavailable), FakeStore.error(.conflict))
        let opened = try await OpenedStore.open("test", logger: logger, backoff: backoff) {
            () async throws(StoreError) in store
        }
        #expect(opened as? FakeStore === store)
        #expect(store.migrations == 1)
    }

    @Test(arguments: [(StoreError.Kind.misconfigured, ProcessExit.configuration), (.rejected, .unavailable)])
    func `what waiting does not mend ends the process, with the connections closed`(
        kind: StoreError.Kind, exit: ProcessExit
    ) async {
        let store = FakeStore()
        store.fail(FakeStore.error(kind))
        await #expect(
            performing: {
                try await OpenedStore.open("test", logger: logger, backoff: backoff) {
                    () async throws(StoreError) in store
                }
            }, throws: { ($0 as? ServiceFailure)?.exit == exit })
        #expect(store.isClosed)
    }
}
