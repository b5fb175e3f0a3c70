/** A library: Debian's package of it, and the names by which CMake, pkg-config and linkers know it. */
type Library = readonly [debian: string, cmake: string, other: string]

const libraries: readonly Library[] = [
  ['libssl-dev', 'OpenSSL', 'ssl|crypto|openssl|libssl|libcrypto'],
  ['libcurl4-openssl-dev', 'CURL', 'curl|libcurl'],
  ['libpq-dev', 'PostgreSQL|PQ', 'pq|libpq'],
  ['libpqxx-dev', 'libpqxx|PQXX', 'pqxx|libpqxx'],
  ['libmariadb-dev', 'MySQL|MariaDB|unofficial-mysql-connector-cpp', 'mysqlclient|mariadb|libmariadb'],
  ['libsqlite3-dev', 'SQLite3|unofficial-sqlite3', 'sqlite3'],
  ['libhiredis-dev', 'hiredis', 'hiredis'],
  ['zlib1g-dev', 'ZLIB', 'z|zlib'],
  ['libzstd-dev', 'zstd', 'zstd|libzstd'],
  ['libboost-all-dev', 'Boost', 'boost_\\w+'],
  ['libasio-dev', 'asio', 'asio'],
  ['libfmt-dev', 'fmt', 'fmt'],
  ['libspdlog-dev', 'spdlog', 'spdlog'],
  ['nlohmann-json3-dev', 'nlohmann_json', 'nlohmann_json'],
  ['libjsoncpp-dev', 'jsoncpp|JsonCpp', 'jsoncpp'],
  ['rapidjson-dev', 'RapidJSON', 'rapidjson'],
  ['libcpp-httplib-dev', 'httplib', 'cpp-httplib'],
  ['libmicrohttpd-dev', 'microhttpd|LibMicroHTTPD', 'microhttpd|libmicrohttpd'],
  ['libevent-dev', 'Libevent', 'event|event_core|libevent'],
  ['libuv1-dev', 'libuv|LibUV', 'uv|libuv'],
  ['libev-dev', 'libev|LibEv', 'ev|libev'],
  ['libpoco-dev', 'Poco', 'Poco\\w+'],
  ['libdrogon-dev', 'Drogon', 'drogon'],
  ['libyaml-cpp-dev', 'yaml-cpp', 'yaml-cpp'],
  ['libxml2-dev', 'LibXml2', 'xml2|libxml-2\\.0'],
  ['libprotobuf-dev protobuf-compiler', 'Protobuf|protobuf', 'protobuf'],
  ['libgrpc++-dev protobuf-compiler-grpc', 'gRPC', 'grpc\\+\\+'],
  ['libzmq3-dev', 'ZeroMQ|cppzmq', 'zmq|libzmq'],
  ['librdkafka-dev', 'RdKafka', 'rdkafka|rdkafka\\+\\+'],
  ['libopencv-dev', 'OpenCV', 'opencv4?'],
  ['libpng-dev', 'PNG', 'png|libpng'],
  ['libjpeg62-turbo-dev', 'JPEG', 'jpeg|libjpeg'],
  ['libsodium-dev', 'sodium|unofficial-sodium', 'sodium|libsodium'],
  ['libpcre2-dev', 'PCRE2', 'pcre2-8|libpcre2-8'],
  ['libncurses-dev', 'Curses', 'ncursesw?'],
  ['libreadline-dev', 'Readline', 'readline'],
  ['liblua5.4-dev', 'Lua', 'lua5?\\.?4?'],
  ['libgtest-dev', 'GTest', 'gtest'],
]

/** Debian's packages of the libraries that build files ask for, as far as their texts tell. */
export function developmentPackages(text: string): string[] {
  const found = libraries.flatMap(([debian, cmake, other]) => {
    const patterns = [
      `\\bfind_package\\s*\\(\\s*(?:${cmake})\\b`,
      `\\bpkg_(?:check|search)_modules\\s*\\([^)]*[\\s"](?:${other})(?=[\\s)"><=])`,
      `\\bPKG_CHECK_MODULES\\s*\\([^)]*[\\s,[](?:${other})(?=[\\s,\\])><=])`,
      `\\bdependency\\s*\\(\\s*'(?:${cmake}|${other})'`,
      `\\bpkg-config\\b[^\\n]*\\s(?:${other})(?=[\\s)\`]|$)`,
      `(?:^|[\\s=])-l(?:${other})(?=\\s|$)`,
    ]
    return patterns.some((pattern) => new RegExp(pattern, 'm').test(text)) ? debian.split(' ') : []
  })
  return [...new Set(found)].sort()
}
