#ifndef TROLLEY_CONFIG_CONFIG_TABLE_H_
#define TROLLEY_CONFIG_CONFIG_TABLE_H_

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace trolley {

// One table of the configuration while it is read. Remembers which keys were looked up, so that all others can be
// refused, and says file and line of whatever is wrong. The only file that includes the TOML library.
class ConfigTable {
 public:
  // Paths of keys that a configuration may have: "archive.hospital.searcher.url".
  using KeyPaths = std::set<std::string>;

  // The top of a file. `known`, if given, receives every key that is looked up, present or not. Throws kInvalidArgument
  // for what is not TOML.
  static ConfigTable Parse(std::string_view toml, const std::string& file, std::shared_ptr<KeyPaths> known = nullptr);
  // A table that stands in no file. Its paths must be absolute.
  static ConfigTable Make(const std::map<std::string, std::variant<std::string, int64_t>>& values);

  bool Has(std::string_view key) const;
  std::vector<std::string> Keys() const;
  // Absent keys give nullopt, or leave `value` as it is; wrong types and values out of range are refused.
  std::optional<ConfigTable> Table(const std::string& key);
  std::optional<std::string> String(const std::string& key);
  std::string RequiredString(const std::string& key);
  // Absolute: "~/" is the home directory, a relative path starts at the configuration file's directory. An empty text
  // counts as absent.
  std::optional<std::filesystem::path> Path(const std::string& key);
  // A list of texts; one text stands for a list of one.
  std::optional<std::vector<std::string>> Strings(const std::string& key);
  void Bool(const std::string& key, bool& value);
  bool IsTable(std::string_view key) const;
  void Duration(const std::string& key, std::chrono::milliseconds least, std::chrono::milliseconds& value);
  void Size(const std::string& key, uint64_t& value);
  void Number(const std::string& key, uint32_t least, uint32_t most, uint32_t& value);
  template <typename T>
  void Choice(const std::string& key, const std::vector<std::pair<std::string, T>>& choices, T& value) {
    std::vector<std::string> names;
    for (const auto& choice : choices) {
      names.push_back(choice.first);
    }
    if (const auto chosen = ChosenOf(key, names)) {
      value = choices[*chosen].second;
    }
  }

  void RefuseUnknownKeys() const;
  // Throws kInvalidArgument "FILE:LINE: reason", with the line of `key` or of the table.
  [[noreturn]] void Refuse(std::string_view key, std::string_view reason) const;
  [[noreturn]] void Refuse(std::string_view reason) const;

 private:
  struct Data;  // a TOML table, alive as long as the whole file is
  ConfigTable(std::shared_ptr<const Data> data, std::string file, std::string name, std::shared_ptr<KeyPaths> all);

  void Know(const std::string& key);
  std::optional<size_t> ChosenOf(const std::string& key, const std::vector<std::string>& names);
  // The text of `key`, null when it is none.
  std::string Text(const std::string& key, const std::string* text) const;

  std::shared_ptr<const Data> data_;
  std::string file_;
  std::string name_;                     // "archive.hospital.searcher", for messages
  std::shared_ptr<KeyPaths> all_known_;  // of the whole file; may be null
  std::vector<std::string> known_;
};

}  // namespace trolley

#endif  // TROLLEY_CONFIG_CONFIG_TABLE_H_
