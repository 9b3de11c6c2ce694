internal import NIOCore
internal import Shared

extension RESTService {
    /// Checks path, query and body, and puts the body into the call.
    func validate(_ call: inout RESTCall, _ request: RESTRequest) throws(APIError) {
        if request.body.readableBytes > MessageRules.maximumRequestBytes { throw .tooLarge }
        var errors = FormErrors()
        do throws(OpenAPIError) {
            try validateParameters(call, into: &errors)
        } catch {
            throw APIError(500, 0, error.description)
        }
        if !errors.isEmpty { throw .invalidForm(errors) }
        if !call.operation.bodies.isEmpty { try readBody(&call, request) }
    }

    private func validateParameters(_ call: RESTCall, into errors: inout FormErrors) throws(OpenAPIError) {
        let validator = SchemaValidator(library: document.library, coercesText: true)
        for parameter in call.operation.pathParameters {
            let value = call.parameters[parameter.name] ?? ""
            try validator.validate(.string(value), against: parameter.schema, at: [parameter.name], into: &errors)
        }
        for parameter in call.operation.queryParameters {
            let values = call.query.filter { $0.name == parameter.name }.map { JSON.string($0.value) }
            if values.isEmpty {
                if parameter.isRequired { errors.addRequired(at: [parameter.name]) }
                continue
            }
            let value = values.count == 1 ? values[0] : .array(values)
            try validator.validate(value, against: parameter.schema, at: [parameter.name], into: &errors)
        }
    }

    private func readBody(_ call: inout RESTCall, _ request: RESTRequest) throws(APIError) {
        let accepted = call.operation.bodies.map(\.contentType)
        let contentType = request.header("content-type")
        do throws(RequestBody.Failure) {
            call.body = try RequestBody.read(request.body, contentType: contentType, accepted: accepted, parser: parser)
        } catch {
            throw APIError(error)
        }
        var errors = FormErrors()
        for file in call.body.files where file.size > MessageRules.maximumFileBytes {
            errors.add("FILE_TOO_LARGE", "The file is larger than 10 MiB.", at: [file.field])
        }
        let type = ContentType(contentType ?? "").type
        if let schema = call.operation.bodies.first(where: { $0.contentType == type })?.schema {
            do throws(OpenAPIError) {
                try SchemaValidator(library: document.library, coercesText: call.body.isForm)
                    .validate(call.body.value, against: schema, at: [], into: &errors)
            } catch {
                throw APIError(500, 0, error.description)
            }
        }
        if !errors.isEmpty { throw .invalidForm(errors) }
    }
}
