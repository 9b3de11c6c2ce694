// swift-tools-version:6.2
import PackageDescription

let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .treatAllWarnings(as: .error),
]

let nioCore: Target.Dependency = .product(name: "NIOCore", package: "swift-nio")
let nioPosix: Target.Dependency = .product(name: "NIOPosix", package: "swift-nio")
let nioHTTP1: Target.Dependency = .product(name: "NIOHTTP1", package: "swift-nio")
let nioWebSocket: Target.Dependency = .product(name: "NIOWebSocket", package: "swift-nio")
let nioSSL: Target.Dependency = .product(name: "NIOSSL", package: "swift-nio-ssl")
let asyncHTTPClient: Target.Dependency = .product(name: "AsyncHTTPClient", package: "async-http-client")
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let argumentParser: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")
let collections: Target.Dependency = .product(name: "Collections", package: "swift-collections")
let serviceLifecycle: Target.Dependency = .product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let unixSignals: Target.Dependency = .product(name: "UnixSignals", package: "swift-service-lifecycle")
let nioEmbedded: Target.Dependency = .product(name: "NIOEmbedded", package: "swift-nio")

let package = Package(
    name: "olim",
    products: [
        .executable(name: "olim-gateway", targets: ["GatewayProcess"]),
        .executable(name: "olim-worker", targets: ["WorkerProcess"]),
        .executable(name: "olimctl", targets: ["ControlTool"]),
        .executable(name: "olim-simulator", targets: ["DiscordSimulator"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio", exact: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", exact: "2.37.6"),
        .package(url: "https://github.com/swift-server/async-http-client", exact: "1.37.0"),
        .package(url: "https://github.com/apple/swift-log", exact: "1.16.2"),
        .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
        .package(url: "https://github.com/apple/swift-collections", exact: "1.6.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", exact: "2.13.0"),
    ],
    targets: [
        .systemLibrary(name: "CPostgreSQL", pkgConfig: "libpq", providers: [.apt(["libpq-dev"])]),
        .systemLibrary(name: "CSQLite", pkgConfig: "sqlite3", providers: [.apt(["libsqlite3-dev"])]),
        .systemLibrary(name: "CSystemd", pkgConfig: "libsystemd", providers: [.apt(["libsystemd-dev"])]),
        .systemLibrary(name: "CZstd", pkgConfig: "libzstd", providers: [.apt(["libzstd-dev"])]),
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        .systemLibrary(name: "CXXHash", pkgConfig: "libxxhash", providers: [.apt(["libxxhash-dev"])]),
        .systemLibrary(name: "CCairo", pkgConfig: "cairo", providers: [.apt(["libcairo2-dev"])]),
        .systemLibrary(name: "CCrypto", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
        .target(name: "CMalloc"),
        .target(name: "CTimeZone", linkerSettings: [.linkedLibrary("cctz")]),
        .target(
            name: "CSimdJSON",
            linkerSettings: [.linkedLibrary("simdjson")]
        ),
        .target(
            name: "Shared",
            dependencies: [
                "CSimdJSON", "CSystemd", "CCrypto", "CMalloc",
                nioCore, nioPosix, nioHTTP1, logging, argumentParser, serviceLifecycle, unixSignals,
            ],
            swiftSettings: strict
        ),
        .executableTarget(
            name: "GatewayProcess",
            dependencies: [
                "Shared", "CZlib", "CZstd", "CXXHash", "CMalloc",
                nioCore, nioPosix, nioHTTP1, nioWebSocket, nioSSL, asyncHTTPClient, logging, argumentParser,
                collections, serviceLifecycle, unixSignals,
            ],
            swiftSettings: strict
        ),
        .executableTarget(
            name: "WorkerProcess",
            dependencies: [
                "Shared", "CPostgreSQL", "CSQLite", "CTimeZone", "CCairo",
                nioCore, nioPosix, nioHTTP1, nioSSL, asyncHTTPClient, logging, argumentParser,
                collections, serviceLifecycle, unixSignals,
            ],
            swiftSettings: strict
        ),
        .executableTarget(
            name: "ControlTool",
            dependencies: ["Shared", nioCore, nioPosix, argumentParser],
            swiftSettings: strict
        ),
        .executableTarget(
            name: "DiscordSimulator",
            dependencies: [
                "Shared", "CZlib", "CZstd",
                nioCore, nioPosix, nioHTTP1, nioWebSocket, nioSSL, logging, argumentParser,
                collections, serviceLifecycle,
            ],
            resources: [.copy("OpenAPI")],
            swiftSettings: strict
        ),
        .executableTarget(
            name: "CountingWorker",
            dependencies: ["Shared", nioCore, argumentParser],
            path: "Benchmarks/CountingWorker",
            swiftSettings: strict
        ),
        .target(name: "TestKit", dependencies: ["Shared"], path: "Tests/TestKit", swiftSettings: strict),
        .testTarget(name: "SharedTests", dependencies: ["Shared", "TestKit", nioEmbedded], swiftSettings: strict),
        .testTarget(
            name: "GatewayProcessTests",
            dependencies: ["GatewayProcess", "Shared", "TestKit", "CZlib", "CZstd", nioEmbedded, collections],
            swiftSettings: strict
        ),
        .testTarget(
            name: "WorkerProcessTests",
            dependencies: ["WorkerProcess", "Shared", "TestKit", "CPostgreSQL", "CSQLite", nioEmbedded],
            exclude: ["Database/Released"],
            swiftSettings: strict
        ),
        .testTarget(
            name: "ControlToolTests",
            dependencies: ["ControlTool", "Shared", "TestKit", nioCore],
            swiftSettings: strict
        ),
        .testTarget(
            name: "DiscordSimulatorTests",
            dependencies: ["DiscordSimulator", "Shared", "TestKit", "CZlib", "CZstd", nioEmbedded],
            swiftSettings: strict
        ),
        .testTarget(
            name: "SimulationTests",
            dependencies: ["GatewayProcess", "WorkerProcess", "Shared", "TestKit", nioCore, collections],
            swiftSettings: strict
        ),
        .testTarget(
            name: "FuzzTests",
            dependencies: ["GatewayProcess", "WorkerProcess", "Shared", "TestKit", nioCore],
            exclude: ["Corpus"],
            swiftSettings: strict
        ),
        .testTarget(
            name: "EndToEndTests",
            dependencies: [
                "TestKit", "Shared", "GatewayProcess", "WorkerProcess", "ControlTool", "DiscordSimulator",
                nioCore, nioHTTP1, nioSSL, asyncHTTPClient,
            ],
            swiftSettings: strict
        ),
    ],
    cxxLanguageStandard: .cxx17
)

// In release mode scripts/lib.sh builds only the suites that run there: the others take minutes to compile.
if let suites = Context.environment["OLIM_SUITES"]?.split(separator: " ").map(String.init) {
    package.targets.removeAll { $0.type == .test && !suites.contains($0.name) }
}
