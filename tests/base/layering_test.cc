// The house rules about #include lines: layers only point down, and a third-party header is allowed in few files.

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <regex>
#include <string>
#include <vector>

#include "base/text.h"
#include "support/paths.h"

namespace trolley {
namespace {

// A room sees itself and every room of a lower level. Rooms of one level do not see each other.
const std::map<std::string, int>& Levels() {
  static const std::map<std::string, int> levels = {
      {"base", 0},    {"dicom", 1},   {"http", 2}, {"dimse", 2}, {"search", 3}, {"download", 3}, {"cache", 3},
      {"storage", 3}, {"orthanc", 4}, {"tree", 5}, {"fetch", 5}, {"config", 6}, {"archive", 7},  {"mount", 8}};
  return levels;
}

// The room of a public header, src/include/trolley/<name>.h: it may be included by that room and those above, and
// includes nothing but public headers itself. trolley.h, which includes all of them, is for other programs alone.
const std::map<std::string, std::string>& RoomsOfPublicHeaders() {
  static const std::map<std::string, std::string> rooms = {
      {"context", "base"},
      {"error", "base"},
      {"log", "base"},
      {"secret", "base"},
      {"version", "base"},
      {"attributes", "dicom"},
      {"file_header", "dicom"},
      {"query", "dicom"},
      {"references", "dicom"},
      {"study", "dicom"},
      {"tag", "dicom"},
      {"uid", "dicom"},
      {"authenticator", "http"},
      {"http_client", "http"},
      {"server_profile", "http"},
      {"dicom_peer", "dimse"},
      {"caching_searcher", "search"},
      {"folder_archive", "search"},
      {"searcher", "search"},
      {"searchers", "search"},
      {"downloader", "download"},
      {"downloaders", "download"},
      {"directory_storage", "storage"},
      {"storage", "storage"},
      {"criteria", "tree"},
      {"readable_storage", "tree"},
      {"download_report", "fetch"},
      {"config", "config"},
      {"client", "archive"},
  };
  return rooms;
}

// The room of a file ("src/http/http_client.cc") or of what a quoted #include names ("trolley/uid.h"); "" for neither.
std::string RoomOf(std::string_view path) {
  if (path == "src/include/trolley/trolley.h") {
    return "mount";
  }
  for (const std::string_view start : {"src/include/trolley/", "trolley/"}) {
    if (path.starts_with(start) && path.ends_with(".h")) {
      const auto found =
          RoomsOfPublicHeaders().find(std::string(path.substr(start.size(), path.size() - start.size() - 2)));
      return found == RoomsOfPublicHeaders().end() ? "" : found->second;
    }
  }
  if (path.starts_with("src/")) {
    path.remove_prefix(4);
  }
  const std::string room(path.substr(0, path.find('/')));
  return Levels().count(room) == 0 ? "" : room;
}

struct AllowedInclude {
  std::string header;  // what the angle include begins with
  std::string files;   // regular expression for the files that may include it
};

const std::vector<AllowedInclude>& AllowedIncludes() {
  static const std::vector<AllowedInclude> allowed = {
      {"openssl/", R"(src/(base/message_digest|dimse/association_tls)\.cc)"},
      {"curl/", R"(src/http/http(\w*\.cc|_transfer\.h))"},
      {"dcmtk/", R"(src/dicom/\w+\.cc)"},
      {"lmdb.h", R"(src/cache/lmdb_\w+\.cc)"},
      {"xxhash.h", R"(src/(base/checksum|tree/names)\.cc)"},
      {"spdlog/", R"(src/base/log\.cc)"},
      {"nlohmann/",
       R"(src/dicom/dicom_json\w*\.cc|src/orthanc/\w+\.(h|cc)|src/http/auth/oauth2\.cc|src/archive/status\.cc)"},
      {"pugixml.hpp", R"(src/(search/mint|download/rad69)/\w+\.cc|src/dicom/native_xml\.cc)"},
      {"toml++/", R"(src/config/config_table\.cc)"},
      {"fuse", R"(mount/fuse/fuse\.h)"},
      {"systemd/", R"(mount/\w+/\w+\.cc)"},
      {"CLI/", R"(mount/\w+/\w+\.cc)"},
  };
  return allowed;
}

bool IsSystemHeader(const std::string& header) {
  static const std::regex known(
      "[a-z_]+|(sys|netinet|arpa|linux)/[a-z_]+\\.h|"
      "(unistd|fcntl|poll|pthread|dirent|pwd|grp|netdb|signal|iconv|fnmatch|limits|spawn|sched)\\.h");
  return std::regex_match(header, known);
}

// What is wrong with this line of `file` ("src/http/http_client.cc"), if anything.
std::optional<std::string> Complaint(const std::string& file, const std::string& line) {
  static const std::regex include(R"(^\s*#\s*include\s*([<"])([^>"]+)[>"].*)");
  std::smatch match;
  if (!std::regex_match(line, match, include)) {
    return std::nullopt;
  }
  const std::string header = match[2];
  if (match[1] == "\"") {
    const std::string folder = RoomOf(file);
    const std::string target = RoomOf(header);
    if (folder.empty() || target.empty()) {
      return StrCat(file, ": unknown folder in #include \"", header, "\"");
    }
    if (file.starts_with("src/include/") && !header.starts_with("trolley/")) {
      return StrCat(file, ": a public header includes public headers only (#include \"", header, "\")");
    }
    if (folder != target && Levels().at(target) >= Levels().at(folder)) {
      return StrCat(file, ": ", folder, " must not know ", target, " (#include \"", header, "\")");
    }
    return std::nullopt;
  }
  for (const AllowedInclude& allowed : AllowedIncludes()) {
    if (header.rfind(allowed.header, 0) == 0) {
      return std::regex_match(file, std::regex(allowed.files))
                 ? std::nullopt
                 : std::optional(StrCat(file, ": <", header, "> belongs to ", allowed.files, " alone"));
    }
  }
  return IsSystemHeader(header)
             ? std::nullopt
             : std::optional(StrCat(file, ": not known; allow it in AllowedIncludes() for <", header, ">"));
}

TEST(LayeringTest, TellsGoodFromBad) {
  EXPECT_FALSE(Complaint("src/http/http_client.cc", "#include \"base/text.h\""));
  EXPECT_FALSE(Complaint("src/http/http_curl.cc", "#include <curl/curl.h>"));
  EXPECT_FALSE(Complaint("src/http/http_client.cc", "#include <sys/socket.h>  // why"));
  EXPECT_FALSE(Complaint("mount/commands/main.cc", "#include \"archive/archive.h\""));
  EXPECT_FALSE(Complaint("src/http/http_client.cc", "#include \"trolley/error.h\""));
  EXPECT_FALSE(Complaint("src/include/trolley/query.h", "#include \"trolley/tag.h\""));
  EXPECT_TRUE(Complaint("src/base/text.cc", "#include \"trolley/uid.h\""));
  EXPECT_TRUE(Complaint("src/base/text.cc", "#include \"dicom/charset.h\""));
  EXPECT_TRUE(Complaint("src/archive/client.cc", "#include \"trolley/trolley.h\""));
  EXPECT_TRUE(Complaint("src/include/trolley/tag.h", "#include \"trolley/query_of_mine.h\""));
  EXPECT_TRUE(Complaint("src/include/trolley/uid.h", "#include \"base/text.h\""));
  EXPECT_TRUE(Complaint("src/include/trolley/uid.h", "#include \"trolley/searcher.h\""));
  EXPECT_TRUE(Complaint("src/search/caching_searcher.cc", "#include \"cache/blob_store.h\""));
  EXPECT_TRUE(Complaint("src/tree/tree.cc", "#include \"mount/fuse/session.h\""));
  EXPECT_TRUE(Complaint("src/http/http_client.h", "#include <curl/curl.h>"));
  EXPECT_TRUE(Complaint("src/search/qido/qido_rs.cc", "  #  include <nlohmann/json.hpp>"));
  EXPECT_TRUE(Complaint("src/base/text.cc", "#include <boost/any.hpp>"));
  EXPECT_TRUE(Complaint("src/base/text.cc", "#include \"text.h\""));
}

TEST(LayeringTest, EveryIncludeOfTheSourcesFollowsTheRules) {
  const std::filesystem::path top = kSourceDirectory;
  size_t lines = 0;
  for (const char* folder : {"src", "mount"}) {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(top / folder)) {
      const std::string extension = entry.path().extension().string();
      if (extension != ".cc" && extension != ".h") {
        continue;
      }
      std::ifstream in(entry.path());
      const std::string file = std::filesystem::relative(entry.path(), top).generic_string();
      for (std::string line; std::getline(in, line); ++lines) {
        EXPECT_EQ(Complaint(file, line).value_or(""), "");
      }
    }
  }
  EXPECT_GT(lines, 1000U) << "the sources were not found";
}

}  // namespace
}  // namespace trolley
