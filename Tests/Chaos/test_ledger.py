"""The ledger must see each kind of loss, repetition and disorder, and nothing where there is none."""

import os
import tempfile
import unittest
from types import SimpleNamespace

from ledger import Ledger
from load import Book


class FakeRun:
    """A run of which only the traces are left: by default a perfect one."""

    def __init__(self, directory):
        self.records = directory
        self.book = Book()
        self.load = SimpleNamespace(book=self.book)
        self.discord = self.postgres = self
        self.rows, self.names, self.messages, self.interactions, self.record_lines = [], [], [], [], []
        self.down = 0.0
        self.inject()

    def inject(self):
        self.book.messages["1", "7"] = [1.0, 2.0]
        self.rows = [["1", "7", "2"]]
        self.book.observed["1"] = [1.0, 2.0, 3.0]
        self.record_lines = ["10 1 0 100 0\n", "20 1 1 101 0\n", "30 1 2 102 0\n"]
        self.book.text_commands = {"50": ("guild 1", 1.0), "51": ("guild 1", 2.0)}
        self.messages = [
            self.reply("60", "50"), self.reply("61", "51"), self.answer("62", "80"), self.welcome("63", "90")]
        self.book.slash_commands = {"80": ("ping", "1", 1.0)}
        self.interactions = [{"id": "80", "callback_type": 4, "answers": []}]
        self.book.joins = {"90": ("1", 1.0)}
        self.book.updates["1"] = [1.0, 2.0]
        self.names = [["1", "Guild 1"]]

    @staticmethod
    def reply(id, command):
        return {"id": id, "content": "Pong!", "message_reference": {"message_id": command}}

    @staticmethod
    def answer(id, interaction, flags=0):
        return {"id": id, "content": "Pong!", "flags": flags, "interaction_metadata": {"id": interaction}}

    @staticmethod
    def welcome(id, user):
        return {"id": id, "content": f"Welcome to **Guild 1**, <@{user}>!"}

    # What the ledger asks.

    def get(self, path, **query):
        return {"/messages": self.messages, "/interactions": self.interactions, "/report": {}}[path]

    def query(self, sql):
        return self.rows if "member_activity" in sql else self.names

    def seconds_without_gateway(self, start, end):
        return self.down

    def account(self):
        """By kind: (lost, doubled, out of order, excused)."""
        with open(os.path.join(self.records, "observer-1.1"), "w") as file:
            file.writelines(self.record_lines)
        lines = {line.kind: line for line in Ledger(self).lines}
        return {kind: (line.lost, line.doubled, line.disordered, line.excused) for kind, line in lines.items()
                if line.lost or line.doubled or line.disordered or line.excused}


class LedgerTests(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.run_ = FakeRun(directory.name)

    def expect(self, **found):
        self.assertEqual(self.run_.account(), {kind.replace("_", " "): numbers for kind, numbers in found.items()})

    def test_a_perfect_run_is_clean(self):
        self.expect()

    def test_a_message_that_was_not_counted_is_lost(self):
        self.run_.rows = [["1", "7", "1"]]
        self.expect(messages=(1, 0, 0, 0))

    def test_messages_of_an_author_without_a_row_are_lost(self):
        self.run_.rows = []
        self.expect(messages=(2, 0, 0, 0))

    def test_a_message_that_was_counted_twice_is_doubled(self):
        self.run_.rows = [["1", "7", "3"]]
        self.expect(messages=(0, 1, 0, 0))

    def test_a_count_that_nobody_wrote_is_doubled(self):
        self.run_.rows.append(["1", "8", "1"])
        self.expect(messages=(0, 1, 0, 0))

    def test_an_event_without_a_record_is_lost(self):
        del self.run_.record_lines[1]
        self.expect(observed_events=(1, 0, 0, 0))

    def test_a_record_torn_by_a_kill_is_none(self):
        self.run_.record_lines[2] = "30 1 2 10"
        self.expect(observed_events=(1, 0, 0, 0))

    def test_an_event_that_came_again_under_its_id_is_no_fault(self):
        self.run_.record_lines.append("40 1 1 101 1\n")
        self.expect()

    def test_an_event_that_came_again_under_another_id_is_doubled(self):
        self.run_.record_lines.append("40 1 1 103 1\n")
        self.expect(observed_events=(0, 1, 0, 0))

    def test_events_whose_first_deliveries_changed_places_are_out_of_order(self):
        self.run_.record_lines = ["10 1 0 100 0\n", "20 1 2 102 0\n", "30 1 1 101 0\n"]
        self.expect(observed_events=(0, 0, 1, 0))

    def test_a_text_command_without_a_reply_is_lost(self):
        del self.run_.messages[0]
        self.expect(text_commands=(1, 0, 0, 0))

    def test_a_text_command_with_two_replies_is_doubled(self):
        self.run_.messages.append(self.run_.reply("70", "50"))
        self.expect(text_commands=(0, 1, 0, 0))

    def test_replies_that_changed_places_are_out_of_order(self):
        self.run_.messages[:2] = [self.run_.reply("60", "51"), self.run_.reply("61", "50")]
        self.expect(text_commands=(0, 0, 1, 0))

    def test_an_interaction_that_is_only_deferred_is_lost(self):
        self.run_.messages[2] = self.run_.answer("62", "80", flags=1 << 7)
        self.expect(slash_commands=(1, 0, 0, 0))

    def test_an_interaction_that_failed_while_there_was_no_gateway_is_excused(self):
        del self.run_.messages[2]
        self.run_.down = 3.0
        self.expect(slash_commands=(0, 0, 0, 1))

    def test_an_interaction_with_two_answers_is_doubled(self):
        self.run_.messages.append(self.run_.answer("70", "80"))
        self.expect(slash_commands=(0, 1, 0, 0))

    def test_a_newcomer_nobody_welcomed_is_lost(self):
        del self.run_.messages[3]
        self.expect(joins=(1, 0, 0, 0))

    def test_a_newcomer_welcomed_twice_is_doubled(self):
        self.run_.messages.append(self.run_.welcome("70", "90"))
        self.expect(joins=(0, 1, 0, 0))

    def test_an_earlier_name_in_the_place_of_the_last_is_out_of_order(self):
        self.run_.names = [["1", "Guild 0"]]
        self.expect(guild_updates=(0, 0, 1, 0))

    def test_a_name_that_never_came_is_lost(self):
        self.run_.names = [["1", "Harbour Lights"]]
        self.expect(guild_updates=(1, 0, 0, 0))


if __name__ == "__main__":
    unittest.main()
