internal import Glibc

/// Two connected descriptors, closed on exec.
///
/// They are a socket pair: unlike pipe(2) that sets the flag in the same call (pipe2 is not visible from Swift), so that a
/// program started meanwhile by another thread cannot hold an end open, and a write to a child that has gone can be told
/// not to raise SIGPIPE.
struct Pipe {
    let readEnd: CInt
    let writeEnd: CInt

    init() throws {
        var ends: [CInt] = [-1, -1]
        let kind = CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
        guard socketpair(AF_UNIX, kind, 0, &ends) == 0 else { throw SystemError("socketpair") }
        readEnd = ends[0]
        writeEnd = ends[1]
    }
}
