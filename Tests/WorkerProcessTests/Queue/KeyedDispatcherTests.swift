import Shared
import Testing

@testable import WorkerProcess

private typealias Dispatcher = KeyedDispatcher<String>
private typealias Effect = Dispatcher.Effect

/// What a test does, and what has to follow at once.
private enum Step {
    /// An event with work and perhaps a write; its id is also the number of its copy unless it was delivered before.
    case deliver(Int64, String, write: Bool = false, work: Bool = true, interaction: Bool = false, again: Bool = false)
    case works(Int, Dispatcher.Outcome)
    case writes(Int, Dispatcher.Outcome)
    case drops(Int)
    case returned([Int64])
    case disconnect(unsent: [Int64] = [])
    case connect(sameJournal: Bool = true)
}

private struct Case: CustomTestStringConvertible {
    let testDescription: String
    var maximumRunning = 10
    let steps: [(Step, [Effect])]
    var finished: [Int64] = []
    var isIdle = true
}

private func start(_ copy: Int, _ id: Int64) -> Effect { .start(copy, "\(id)") }
private func write(_ copy: Int, _ id: Int64) -> Effect { .write(copy, "\(id)") }
private func ack(_ id: Int64) -> Effect { .acknowledge(EventID(id)) }

@Suite struct KeyedDispatcherTests {
    @Test(
        arguments: [
            Case(
                testDescription: "events of one key are worked on one after another",
                steps: [
                    (.deliver(1, "a"), [start(1, 1)]),
                    (.deliver(2, "a"), []),
                    (.works(1, .done), [ack(1), start(2, 2)]),
                    (.works(2, .done), [ack(2)]),
                ]),
            Case(
                testDescription: "different keys are worked on at once",
                steps: [
                    (.deliver(1, "a"), [start(1, 1)]), (.deliver(2, "b"), [start(2, 2)]),
                    (.works(2, .done), [ack(2)]), (.works(1, .done), [ack(1)]),
                ]),
            Case(
                testDescription: "the bound holds up other keys in order, but no interaction", maximumRunning: 1,
                steps: [
                    (.deliver(1, "a"), [start(1, 1)]), (.deliver(2, "b"), []), (.deliver(3, "c"), []),
                    (.deliver(4, "i", interaction: true), [start(4, 4)]),
                    (.works(1, .done), [ack(1), start(2, 2)]),
                    (.works(4, .done), [ack(4)]),
                    (.works(2, .done), [ack(2), start(3, 3)]), (.works(3, .done), [ack(3)]),
                ]),
            Case(
                testDescription: "an event without parts is done at once",
                steps: [(.deliver(1, "a", work: false), [ack(1)])]),
            Case(
                testDescription: "writes do not wait for work, and an event is done with its last part",
                steps: [
                    (.deliver(1, "a", write: true), [write(1, 1), start(1, 1)]),
                    (.deliver(2, "a", write: true, work: false), [write(2, 2)]),
                    (.writes(1, .done), []), (.writes(2, .done), [ack(2)]),
                    (.works(1, .done), [ack(1)]),
                ]),
            Case(
                testDescription: "after a nack nothing of the key begins until returned; copies before it are void",
                steps: [
                    (.deliver(1, "a"), [start(1, 1)]), (.deliver(2, "a"), []),
                    (.works(1, .failed("no")), [.nack(EventID(1), "no")]),
                    // Sent before the gateway knew.
                    (.deliver(3, "a"), []), (.deliver(4, "b"), [start(4, 4)]),
                    (.returned([1, 2, 3]), []),
                    (.deliver(1, "a"), [start(5, 1)]),
                    (.works(4, .done), [ack(4)]), (.works(5, .done), [ack(1)]),
                ]),
            Case(
                testDescription: "what came behind the fence begins once it falls",
                steps: [
                    (.deliver(1, "a"), [start(1, 1)]),
                    (.works(1, .notNow(.seconds(2), "limit")), [.release(EventID(1), .seconds(2), "limit")]),
                    (.deliver(2, "a", write: true), []),
                    (.returned([1]), [write(2, 2), start(2, 2)]),
                    (.works(2, .done), []), (.writes(2, .done), [ack(2)]),
                ]),
            Case(
                testDescription: "an earlier write of the key stays when a later event is given back",
                steps: [
                    (.deliver(1, "a", write: true, work: false), [write(1, 1)]),
                    (.deliver(2, "a"), [start(2, 2)]),
                    (.works(2, .failed("no")), [.nack(EventID(2), "no")]),
                    (.writes(1, .done), [ack(1)]), (.returned([2]), []),
                ]),
            Case(
                testDescription: "a write that had not begun when its event was given back never begins",
                steps: [
                    (.deliver(1, "a", write: true), [write(1, 1), start(1, 1)]),
                    (.works(1, .failed("no")), [.nack(EventID(1), "no")]),
                    (.drops(1), []), (.returned([1]), []),
                ]),
            Case(
                testDescription: "an outage gives back everything but interactions, and nothing begins until returned",
                steps: [
                    (.deliver(1, "a"), [start(1, 1)]), (.deliver(2, "b", write: true, work: false), [write(2, 2)]),
                    (.deliver(3, "i", interaction: true), [start(3, 3)]),
                    (.writes(2, .outage(.seconds(1), "down")), [.releaseAll(.seconds(1), "down")]),
                    (.deliver(4, "c"), []),
                    (.deliver(5, "j", interaction: true), [start(5, 5)]),
                    // A second failure of what is void already says nothing new.
                    (.works(1, .outage(.seconds(1), "down")), []),
                    (.returned([1, 2, 4]), []),
                    (.deliver(6, "c"), [start(6, 6)]),
                    (.works(3, .done), [ack(3)]), (.works(5, .done), [ack(5)]), (.works(6, .done), [ack(6)]),
                ]),
            Case(
                testDescription: "an outage that an interaction met gives back only that",
                steps: [
                    (.deliver(1, "i", interaction: true), [start(1, 1)]), (.deliver(2, "a"), [start(2, 2)]),
                    (.works(1, .outage(.seconds(1), "down")), [.release(EventID(1), .seconds(1), "down")]),
                    (.works(2, .done), [ack(2)]), (.returned([1]), []),
                ]),
            Case(
                testDescription: "a late success still counts after an ack timeout",
                steps: [
                    (.deliver(1, "a"), [start(1, 1)]), (.returned([1]), []),
                    (.works(1, .done), [ack(1)]),
                ]),
            Case(
                testDescription: "a late failure counts for nothing",
                steps: [
                    (.deliver(1, "a"), [start(1, 1)]), (.returned([1]), []),
                    (.works(1, .failed("late")), []),
                ]),
            Case(
                testDescription: "a new delivery waits for the old copy, whose success is its own",
                steps: [
                    (.deliver(1, "a"), [start(1, 1)]), (.returned([1]), []),
                    (.deliver(1, "a"), []), (.deliver(2, "a"), []),
                    (.works(1, .done), [ack(1), start(3, 2)]), (.works(3, .done), [ack(2)]),
                ]),
            Case(
                testDescription: "a new delivery begins after the old copy has failed",
                steps: [
                    (.deliver(1, "a"), [start(1, 1)]), (.returned([1]), []), (.deliver(1, "a"), []),
                    (.works(1, .failed("late")), [start(2, 1)]), (.works(2, .done), [ack(1)]),
                ]),
            Case(
                testDescription: "of a late copy with a part undone only the part done counts",
                steps: [
                    (.deliver(1, "a", write: true), [write(1, 1), start(1, 1)]), (.returned([1]), []),
                    (.drops(1), []), (.deliver(1, "a", write: true), [write(2, 1)]),
                    (.works(1, .done), []), (.writes(2, .done), [ack(1)]),
                ]),
            Case(
                testDescription: "what is finished after the connection was lost goes into the next hello",
                steps: [
                    (.deliver(1, "a"), [start(1, 1)]), (.deliver(2, "a"), []),
                    (.disconnect(unsent: [7]), []), (.works(1, .done), []),
                ],
                finished: [7, 1]),
            Case(
                testDescription: "what is finished after the next hello is acknowledged when it comes again",
                steps: [
                    (.deliver(1, "a"), [start(1, 1)]), (.disconnect(), []), (.connect(), []),
                    (.works(1, .done), []), (.deliver(1, "a"), [ack(1)]),
                ]),
            Case(
                testDescription: "another journal's events are not taken for finished",
                steps: [
                    (.deliver(1, "a"), [start(1, 1)]), (.disconnect(), []), (.works(1, .done), []),
                    (.connect(sameJournal: false), []), (.deliver(1, "a"), [start(2, 1)]), (.works(2, .done), [ack(1)]),
                ]),
            Case(
                testDescription: "a copy of an earlier connection holds up its key while it runs",
                steps: [
                    (.deliver(1, "a"), [start(1, 1)]), (.disconnect(), []), (.connect(), []),
                    (.deliver(1, "a"), []), (.works(1, .failed("x")), [start(2, 1)]), (.works(2, .done), [ack(1)]),
                ]),
            Case(
                testDescription: "fences do not outlive their connection",
                steps: [
                    (.deliver(1, "a"), [start(1, 1)]), (.works(1, .failed("x")), [.nack(EventID(1), "x")]),
                    (.disconnect(), []), (.connect(), []),
                    (.deliver(1, "a"), [start(2, 1)]), (.works(2, .done), [ack(1)]),
                ]),
            Case(
                testDescription: "an event delivered twice without a fence is taken once",
                steps: [
                    (.deliver(1, "a"), [start(1, 1)]), (.deliver(1, "a"), []), (.works(1, .done), [ack(1)]),
                ]),
            Case(
                testDescription: "a copy that crossed its acknowledgement is done",
                steps: [
                    (.deliver(1, "a"), [start(1, 1)]), (.works(1, .done), [ack(1)]),
                    // The ack timeout came first: the notice, and the event once more, were sent before the acknowledgement was read.
                    (.returned([1]), []), (.deliver(1, "a", again: true), []),
                ]),
            Case(
                testDescription: "what still runs is not idle", steps: [(.deliver(1, "a"), [start(1, 1)])],
                isIdle: false),
        ] as [Case])
    fileprivate func `each step has these effects`(_ test: Case) {
        var dispatcher = Dispatcher(maximumRunning: test.maximumRunning, capacity: 8)
        dispatcher.connected()
        for (number, (step, expected)) in test.steps.enumerated() {
            perform(step, on: &dispatcher)
            #expect(dispatcher.effects == expected, "step \(number + 1): \(step)")
            dispatcher.effects = []
        }
        #expect(dispatcher.finished.map(\.rawValue) == test.finished)
        #expect(dispatcher.isIdle == test.isIdle)
    }

    private func perform(_ step: Step, on dispatcher: inout Dispatcher) {
        switch step {
        case .deliver(let id, let key, let write, let work, let interaction, let again):
            dispatcher.deliver(
                .init(
                    event: EventID(id), key: key, isInteraction: interaction, isRedelivered: again, hasWrite: write,
                    hasWork: work, job: "\(id)"))
        case .works(let copy, let outcome): dispatcher.workEnded(copy, outcome)
        case .writes(let copy, let outcome): dispatcher.writeEnded(copy, outcome)
        case .drops(let copy):
            #expect(!dispatcher.mayWrite(copy))
            dispatcher.writeDropped(copy)
        case .returned(let ids): dispatcher.returned(ids.map(EventID.init))
        case .disconnect(let unsent): dispatcher.disconnected(unsent: unsent.map(EventID.init))
        case .connect(let sameJournal):
            dispatcher.connected()
            dispatcher.welcomed(isSameJournal: sameJournal)
        }
    }
}
