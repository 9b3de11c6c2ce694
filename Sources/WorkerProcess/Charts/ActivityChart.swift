internal import CCairo

/// Draws days as bars into a PNG, with Cairo. There are no names in it: those are for the embed, where Discord draws them.
enum ActivityChart {
    static let filename = "activity.png"

    private struct Colour {
        let red: Double
        let green: Double
        let blue: Double
        var alpha = 1.0
    }

    // Readable on Discord's dark and light backgrounds alike.
    private static let background = Colour(red: 0.12, green: 0.13, blue: 0.14)
    private static let line = Colour(red: 1, green: 1, blue: 1, alpha: 0.10)
    private static let text = Colour(red: 0.72, green: 0.75, blue: 0.78)
    private static let bar = Colour(red: 0.36, green: 0.63, blue: 0.42)
    private static let today = Colour(red: 0.56, green: 0.82, blue: 0.50)

    /// Nil if there is no memory for it, or no font.
    /// - Parameters:
    ///   - counts: one for each day, ascending.
    ///   - lastDay: days since 1970.
    static func png(_ counts: [Int], lastDay: Int) -> [UInt8]? {
        let layout = ChartLayout(counts, lastDay: lastDay)
        let surface = cairo_image_surface_create(
            CAIRO_FORMAT_RGB24, Int32(ChartLayout.width), Int32(ChartLayout.height))
        defer { cairo_surface_destroy(surface) }
        let context = cairo_create(surface)
        defer { cairo_destroy(context) }
        paint(layout, context)
        guard cairo_status(context) == CAIRO_STATUS_SUCCESS else { return nil }
        return encoded(surface)
    }

    /// The attachment for a message's embed.
    static func attachment(_ counts: [Int], lastDay: Int) -> Attachment? {
        png(counts, lastDay: lastDay).map { Attachment(filename: filename, contentType: "image/png", data: $0) }
    }

    private static func paint(_ layout: ChartLayout, _ context: OpaquePointer?) {
        use(background, context)
        cairo_paint(context)
        cairo_set_line_width(context, 1)
        for label in layout.scale {
            use(line, context)
            cairo_move_to(context, label.x + 8, label.y.rounded() + 0.5)
            cairo_line_to(context, ChartLayout.width - 12, label.y.rounded() + 0.5)
            cairo_stroke(context)
        }
        for (place, rectangle) in layout.bars.enumerated() where rectangle.height > 0 {
            use(place == layout.bars.count - 1 ? today : bar, context)
            round(rectangle, context)
            cairo_fill(context)
        }
        cairo_select_font_face(context, "DejaVu Sans", CAIRO_FONT_SLANT_NORMAL, CAIRO_FONT_WEIGHT_NORMAL)
        cairo_set_font_size(context, 15)
        use(text, context)
        for label in layout.scale { write(label.text, endingAt: label.x, label.y + 5, context) }
        for label in layout.days { write(label.text, around: label.x, label.y, context) }
    }

    /// With round upper corners.
    private static func round(_ bar: ChartLayout.Bar, _ context: OpaquePointer?) {
        let radius = min(4, bar.width / 2, bar.height)
        let right = bar.x + bar.width
        let bottom = bar.y + bar.height
        cairo_new_path(context)
        cairo_arc(context, bar.x + radius, bar.y + radius, radius, .pi, 1.5 * .pi)
        cairo_arc(context, right - radius, bar.y + radius, radius, 1.5 * .pi, 2 * .pi)
        cairo_line_to(context, right, bottom)
        cairo_line_to(context, bar.x, bottom)
        cairo_close_path(context)
    }

    private static func use(_ colour: Colour, _ context: OpaquePointer?) {
        cairo_set_source_rgba(context, colour.red, colour.green, colour.blue, colour.alpha)
    }

    private static func write(_ text: String, endingAt x: Double, _ y: Double, _ context: OpaquePointer?) {
        cairo_move_to(context, x - width(of: text, context), y)
        cairo_show_text(context, text)
    }

    private static func write(_ text: String, around x: Double, _ y: Double, _ context: OpaquePointer?) {
        cairo_move_to(context, x - width(of: text, context) / 2, y)
        cairo_show_text(context, text)
    }

    private static func width(of text: String, _ context: OpaquePointer?) -> Double {
        var extents = cairo_text_extents_t()
        cairo_text_extents(context, text, &extents)
        return extents.x_advance
    }

    private static func encoded(_ surface: OpaquePointer?) -> [UInt8]? {
        var bytes: [UInt8] = []
        let status = withUnsafeMutablePointer(to: &bytes) { bytes in
            cairo_surface_write_to_png_stream(
                surface,
                { target, data, count in
                    guard let target, let data else { return CAIRO_STATUS_WRITE_ERROR }
                    target.assumingMemoryBound(to: [UInt8].self).pointee
                        .append(contentsOf: UnsafeBufferPointer(start: data, count: Int(count)))
                    return CAIRO_STATUS_SUCCESS
                }, bytes)
        }
        return status == CAIRO_STATUS_SUCCESS ? bytes : nil
    }
}
