import Glibc
import Testing

@testable import Shared

@Suite struct ServiceManagerTests {
    @Test(arguments: [
        (ServiceManager.Notice.ready, "READY=1"), (.stopping, "STOPPING=1"), (.watchdog, "WATCHDOG=1"),
        (.status("2 shards ready\nREADY=1"), "STATUS=2 shards ready READY=1"),
        (.extendTimeout(.milliseconds(2500)), "EXTEND_TIMEOUT_USEC=2500000"),
    ])
    func `a notice is one assignment`(notice: ServiceManager.Notice, assignment: String) {
        #expect(notice.assignment == assignment)
    }

    @Test func `without systemd nothing happens`() {
        #expect(getenv("NOTIFY_SOCKET") == nil)
        #expect(!ServiceManager.notify(.ready, .status("x")))
        #expect(ServiceManager.watchdogTimeout == nil)
        #expect(ServiceManager.listeningSockets().isEmpty)
    }
}
