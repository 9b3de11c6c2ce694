/// What can happen next. Each names whom it happens to, and in which life or on which connection, so that what is no longer
/// of matter is known and skipped.
enum Happening {
    // Discord
    case emission(shard: Int)
    case discordReads(link: Int)
    case discordChecksHeartbeat(link: Int)

    // The gateway process
    case gatewayStarts
    case gatewayGone(life: Int)
    case linkOpens(link: Int)
    case linkBreaks(link: Int)
    case gatewayReads(link: Int)
    case gatewayReadsWorker(connection: Int)
    case sessionDeadline(shard: Int, life: Int, ticket: Int)
    case permits(life: Int)
    case botAnswer(life: Int)
    case intakeChanges(life: Int)
    case turn(life: Int)
    case timer(life: Int, ticket: Int)
    case tick(life: Int)
    case settle(life: Int)
    case sessionChanged(life: Int)
    case syncs(life: Int)
    case synced(life: Int)
    case saves(life: Int)
    case sessionsSaved(life: Int)
    case checkpoints(life: Int)
    case checkpointWritten(life: Int)

    // Workers
    case workerStarts(worker: Int)
    case workerConnects(worker: Int, life: Int)
    case workerReads(worker: Int, connection: Int)
    case workTakesEffect(worker: Int, life: Int, copy: Int)
    case workEnds(worker: Int, life: Int, copy: Int)
    case workExtends(worker: Int, life: Int, copy: Int)
    case writeIsDue(worker: Int, life: Int)
    case writeCommits(worker: Int, life: Int)
    case writeEnds(worker: Int, life: Int)
    case workerFlushes(worker: Int, life: Int)
    case workerSettles(worker: Int, life: Int)
    case drainTimeout(worker: Int, life: Int)

    // Whatever else
    case fault
    case mend
}
