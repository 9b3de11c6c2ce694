internal import CMalloc

/// The memory that the program itself takes, not its data.
public enum ProgramMemory {
    /// Gives back what the start has read of the program and its libraries, most of a small process: parsers of arguments and
    /// settings, certificates. To be called once the work begins. What is needed again comes back from the page cache.
    public static func giveBackStart() {
        olim_give_back_program_pages()
    }
}
