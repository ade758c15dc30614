// mount/CONFIGURATION.md has every key of the configuration and every option of the program, and no others.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <set>
#include <sstream>
#include <string>

#include "base/text.h"
#include "config/read_archive.h"
#include "config/registry.h"
#include "mount/commands/command_line.h"
#include "mount/commands/mount_options.h"
#include "support/paths.h"

namespace trolley {
namespace {

using Names = std::set<std::string>;

// A section of the page, without those below it.
struct Section {
  std::string text;
  Names names;  // in backticks in the first column of its tables
};

Names InBackticks(const std::string& text) {
  Names names;
  size_t begin = text.find('`');
  while (begin != std::string::npos) {
    const size_t end = text.find('`', begin + 1);
    names.insert(text.substr(begin + 1, end - begin - 1));
    begin = text.find('`', end + 1);
  }
  return names;
}

// By heading, without "#" and backticks: "Searcher qido-rs".
std::map<std::string, Section> ReadPage() {
  std::ifstream in(std::filesystem::path(kSourceDirectory) / "mount/CONFIGURATION.md");
  std::map<std::string, Section> sections;
  std::string heading;
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("##")) {
      heading = line.substr(line.find(' ') + 1);
      std::erase(heading, '`');
      continue;
    }
    Section& section = sections[heading];
    section.text += line + "\n";
    if (line.starts_with("| `")) {
      section.names.merge(InBackticks(line.substr(0, line.find('|', 1))));
    }
  }
  return sections;
}

// The names of a section and of the shared sections that it links to.
Names Documented(const std::string& heading) {
  static const std::map<std::string, Section> page = ReadPage();
  const auto found = page.find(heading);
  if (found == page.end()) {
    ADD_FAILURE() << "CONFIGURATION.md has no section '" << heading << "'";
    return {};
  }
  Names names = found->second.names;
  for (const char* shared : {"HTTP address", "DICOM address", "Folder", "Common options"}) {
    std::string link = AsciiLower(shared);
    std::replace(link.begin(), link.end(), ' ', '-');
    if (found->second.text.find(StrCat("(#", link, ")")) != std::string::npos) {
      names.merge(Names(page.at(shared).names));
    }
  }
  return names;
}

// The keys that the program knows below `path` in the archive of this configuration.
Names Known(const std::string& toml, const std::string& path) {
  const auto known = std::make_shared<ConfigTable::KeyPaths>();
  ReadConfig("[archive.a]\n" + toml, "c.toml", known);
  Names keys;
  const std::string prefix = path.empty() ? "archive.a." : StrCat("archive.a.", path, ".");
  for (const std::string& key : *known) {
    if (key.starts_with(prefix) && key.find('.', prefix.size()) == std::string::npos) {
      keys.insert(key.substr(prefix.size()));
    }
  }
  return keys;
}

constexpr const char* kSearcher = "searcher = { type = \"qido-rs\", url = \"http://h/rs\" }\n";

std::string Table(const char* key, std::string_view type, std::string_view example) {
  return StrCat(key, " = { type = \"", type, "\"", example.empty() ? "" : ", ", example, " }\n");
}

TEST(ConfigurationPageTest, HasEveryKeyOfAnArchive) {
  EXPECT_EQ(Documented("Keys of an archive"), Known(kSearcher, ""));
  EXPECT_EQ(Documented("Timeouts"), Known(StrCat(kSearcher, "timeouts = {}"), "timeouts"));
  EXPECT_EQ(Documented("Limits"), Known(StrCat(kSearcher, "limits = {}"), "limits"));
  EXPECT_EQ(Documented("Cache"), Known(StrCat(kSearcher, "cache = {}"), "cache"));
}

TEST(ConfigurationPageTest, HasEveryKeyOfEverySearcher) {
  EXPECT_EQ(Documented("Searchers"), Names{"type"});
  for (const SearcherType* type : SearcherTypes()) {
    Names documented = Documented(StrCat("Searcher ", type->name));
    documented.insert("type");
    EXPECT_EQ(documented, Known(Table("searcher", type->name, type->example) +
                                    Table("downloader", "wado-uri", "url = \"http://h\""),
                                "searcher"))
        << type->name;
  }
}

TEST(ConfigurationPageTest, HasEveryKeyOfEveryDownloader) {
  EXPECT_EQ(Documented("Downloaders"), Names{"type"});
  for (const DownloaderType* type : DownloaderTypes()) {
    Names documented = Documented(StrCat("Downloader ", type->name));
    documented.insert("type");
    EXPECT_EQ(documented, Known(kSearcher + Table("downloader", type->name, type->example), "downloader"))
        << type->name;
  }
}

TEST(ConfigurationPageTest, HasEveryKeyOfEveryAuthentication) {
  EXPECT_EQ(Documented("Authentication"), Names{"type"});
  for (const AuthType* type : AuthTypes()) {
    Names documented = Documented(StrCat("Authentication ", type->name));
    documented.insert("type");
    EXPECT_EQ(documented, Known(kSearcher + Table("auth", type->name, type->example), "auth")) << type->name;
  }
}

TEST(ConfigurationPageTest, HasNoTypeThatDoesNotExist) {
  Names expected;
  for (const SearcherType* type : SearcherTypes()) {
    expected.insert(StrCat("Searcher ", type->name));
  }
  for (const DownloaderType* type : DownloaderTypes()) {
    expected.insert(StrCat("Downloader ", type->name));
  }
  for (const AuthType* type : AuthTypes()) {
    expected.insert(StrCat("Authentication ", type->name));
  }
  for (const auto& [command, options] : CommandOptions()) {
    expected.insert(StrCat("trolleyfs ", command));
  }
  for (const auto& [heading, section] : ReadPage()) {
    for (const char* kind : {"Searcher ", "Downloader ", "Authentication ", "trolleyfs "}) {
      if (heading.starts_with(kind)) {
        EXPECT_EQ(expected.count(heading), 1U) << heading;
      }
    }
  }
}

TEST(ConfigurationPageTest, HasEveryOptionOfEveryCommand) {
  for (const auto& [command, options] : CommandOptions()) {
    EXPECT_EQ(Documented(StrCat("trolleyfs ", command)), options) << command;
  }
}

TEST(ConfigurationPageTest, HasEveryMountOption) {
  const std::vector<std::string> known = MountOptionNames();
  EXPECT_EQ(Documented("Mount options"), Names(known.begin(), known.end()));
}

}  // namespace
}  // namespace trolley
