internal import Glibc
internal import Synchronization

/// Kills the processes and removes the directories that a test process left behind, however it ended.
///
/// A shell waits on a pipe whose other end only this process holds. Each child and directory is written there when it
/// comes and when it goes; when the pipe closes, also by a crash or a SIGKILL, the shell clears away whatever is left.
final class ProcessReaper: Sendable {
    /// One for the whole test process, made with the first child.
    static let shared = Result { try ProcessReaper() }

    private let pipe: CInt

    private static let script = """
        trap '' INT TERM HUP
        left=' '
        while read -r what item; do
            case $what in
                came) left="$left$item " ;;
                went) left="${left%% $item *} ${left#* $item }" ;;
            esac
        done
        for item in $left; do case $item in /*) ;; *) kill -9 "$item" ;; esac; done
        for item in $left; do case $item in /tmp/*) rm -rf "$item" ;; esac; done
        """

    private init() throws {
        let pipe = try Pipe()
        defer { close(pipe.readEnd) }
        self.pipe = pipe.writeEnd
        _ = try Spawn(
            executable: "/bin/sh", arguments: ["-c", Self.script], environment: [:], directory: "/",
            input: pipe.readEnd, output: nil, error: nil, newSession: true
        ).run()
    }

    /// A process id, or the path of a directory under `/tmp` without a space.
    func came(_ item: String) { tell("came \(item)\n") }

    func went(_ item: String) { tell("went \(item)\n") }

    /// One call for each line, so that writers on several threads do not mix theirs.
    private func tell(_ line: String) {
        var line = line
        _ = line.withUTF8 { send(pipe, $0.baseAddress, $0.count, CInt(MSG_NOSIGNAL)) }
    }
}
