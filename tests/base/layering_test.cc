// The house rules about #include lines: layers only point down, and a third-party header has one door.

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <regex>
#include <string>
#include <vector>

#include "base/text.h"

namespace trolley {
namespace {

// A folder sees itself and everything of a lower floor. Neighbours on the same floor do not see each other.
const std::map<std::string, int>& Floors() {
  static const std::map<std::string, int> floors = {{"base", 0},    {"dicom", 1},    {"net", 2},
                                                    {"search", 3},  {"download", 3}, {"cache", 3},
                                                    {"storage", 3}, {"archive", 4},  {"mount", 5}};
  return floors;
}

struct Door {
  std::string header;  // what the angle include begins with
  std::string files;   // regular expression for the files that may include it
};

const std::vector<Door>& Doors() {
  static const std::vector<Door> doors = {
      {"openssl/", R"(src/(base/message_digest|net/association_tls)\.cc)"},
      {"curl/", R"(src/net/http\w*\.cc)"},
      {"dcmtk/", R"(src/dicom/\w+\.cc)"},
      {"lmdb.h", R"(src/cache/lmdb_\w+\.cc)"},
      {"xxhash.h", R"(src/(base/checksum|archive/names)\.cc)"},
      {"spdlog/", R"(src/base/log\.cc)"},
      {"nlohmann/",
       R"(src/dicom/dicom_json\w*\.cc|src/net/(orthanc_json\.h|(orthanc_\w+|auth_oauth2)\.cc)|src/archive/status\.cc)"},
      {"pugixml.hpp", R"(src/(search/mint|download/rad69)\w*\.cc|src/dicom/native_xml\.cc)"},
      {"toml++/", R"(src/archive/config\w*\.cc)"},
      {"fuse", R"(mount/fuse\.h)"},
      {"systemd/", R"(mount/\w+\.cc)"},
      {"CLI/", R"(mount/\w+\.cc)"},
  };
  return doors;
}

bool IsSystemHeader(const std::string& header) {
  static const std::regex known(
      "[a-z_]+|(sys|netinet|arpa|linux)/[a-z_]+\\.h|"
      "(unistd|fcntl|poll|pthread|dirent|pwd|grp|netdb|signal|iconv|fnmatch|limits|spawn|sched)\\.h");
  return std::regex_match(header, known);
}

// What is wrong with this line of `file` ("src/net/http.cc"), if anything.
std::optional<std::string> Complaint(const std::string& file, const std::string& line) {
  static const std::regex include(R"(^\s*#\s*include\s*([<"])([^>"]+)[>"].*)");
  std::smatch match;
  if (!std::regex_match(line, match, include)) {
    return std::nullopt;
  }
  const std::string header = match[2];
  const std::vector<std::string_view> place = Split(file, '/');
  const std::string folder(place[0] == "src" ? place.at(1) : place[0]);
  if (match[1] == "\"") {
    const std::string target = header.substr(0, header.find('/'));
    if (Floors().count(folder) == 0 || Floors().count(target) == 0) {
      return StrCat(file, ": unknown folder in #include \"", header, "\"");
    }
    if (folder != target && Floors().at(target) >= Floors().at(folder)) {
      return StrCat(file, ": ", folder, " must not know ", target, " (#include \"", header, "\")");
    }
    return std::nullopt;
  }
  for (const Door& door : Doors()) {
    if (header.rfind(door.header, 0) == 0) {
      return std::regex_match(file, std::regex(door.files))
                 ? std::nullopt
                 : std::optional(StrCat(file, ": <", header, "> belongs to ", door.files, " alone"));
    }
  }
  return IsSystemHeader(header) ? std::nullopt : std::optional(StrCat(file, ": no door is known for <", header, ">"));
}

TEST(LayeringTest, TellsGoodFromBad) {
  EXPECT_FALSE(Complaint("src/net/http.cc", "#include \"base/text.h\""));
  EXPECT_FALSE(Complaint("src/net/http_curl.cc", "#include <curl/curl.h>"));
  EXPECT_FALSE(Complaint("src/net/http.cc", "#include <sys/socket.h>  // why"));
  EXPECT_FALSE(Complaint("mount/main.cc", "#include \"archive/archive.h\""));
  EXPECT_TRUE(Complaint("src/base/text.cc", "#include \"dicom/uid.h\""));
  EXPECT_TRUE(Complaint("src/search/cached.cc", "#include \"cache/stores.h\""));
  EXPECT_TRUE(Complaint("src/archive/tree.cc", "#include \"mount/session.h\""));
  EXPECT_TRUE(Complaint("src/net/http.h", "#include <curl/curl.h>"));
  EXPECT_TRUE(Complaint("src/search/qido_rs.cc", "  #  include <nlohmann/json.hpp>"));
  EXPECT_TRUE(Complaint("src/base/text.cc", "#include <boost/any.hpp>"));
  EXPECT_TRUE(Complaint("src/base/text.cc", "#include \"text.h\""));
}

TEST(LayeringTest, EveryIncludeOfTheSourcesFollowsTheRules) {
  const std::filesystem::path top = TROLLEY_SOURCE_DIRECTORY;
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
