/// Where Discord's pages and its OpenAPI document differ, the pages win, as the document's own README says.
enum PageCorrections {
    /// Most characters of a message's content (resources/message.mdx; the document says 4000).
    static let maximumContentLength = 2000
    /// Most characters of a choice's value (application-commands.mdx; the document says 6000).
    static let maximumChoiceValueLength = 100

    /// Corrects a component that has just been read.
    static func apply(to schema: Schema, named name: String) {
        switch name {
        case "MessageCreateRequest", "MessageEditRequestPartial":
            schema.property("content")?.maximumLength = maximumContentLength
        case "ApplicationCommandOptionStringChoice":
            schema.property("value")?.maximumLength = maximumChoiceValueLength
        case "RichEmbed", "RichEmbedAuthor", "RichEmbedField", "RichEmbedFooter":
            for (_, property) in schema.properties { property.trimsText = true }
        case "ApplicationCommandCreateRequest", "ApplicationCommandPatchRequestPartial",
            "ApplicationCommandUpdateRequest":
            // application-commands.mdx: a string bit set; the document says integer, which libraries send as well.
            schema.property("default_member_permissions")?.acceptsDecimalString = true
        case "ApplicationOAuth2InstallParams":
            schema.property("permissions")?.acceptsDecimalString = true
        default:
            break
        }
    }
}
