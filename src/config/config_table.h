#ifndef TROLLEY_CONFIG_CONFIG_TABLE_H_
#define TROLLEY_CONFIG_CONFIG_TABLE_H_

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace trolley {

// One table of the configuration while it is read: remembers which keys it was asked for, so that all others can be
// refused, and says file and line of whatever is wrong. The door to the TOML library.
class ConfigTable {
 public:
  // The top of a file. Throws kInvalidArgument for what is not TOML.
  static ConfigTable Parse(std::string_view toml, const std::string& file);

  bool Has(std::string_view key) const;
  std::vector<std::string> Keys() const;
  // Absent keys give nullopt, or leave `value` as it is; wrong types and values out of range are refused.
  std::optional<ConfigTable> Table(const std::string& key);
  std::optional<std::string> String(const std::string& key);
  std::string RequiredString(const std::string& key);
  // A list of texts; one text stands for a list of one.
  std::optional<std::vector<std::string>> Strings(const std::string& key);
  void Bool(const std::string& key, bool& value);
  bool IsTable(std::string_view key) const;
  void Duration(const std::string& key, std::chrono::milliseconds least, std::chrono::milliseconds& value);
  void Size(const std::string& key, uint64_t& value);
  void Number(const std::string& key, uint32_t least, uint32_t most, uint32_t& value);

  void RefuseUnknownKeys() const;
  // Throws kInvalidArgument "FILE:LINE: reason", with the line of `key` or of the table.
  [[noreturn]] void Refuse(std::string_view key, std::string_view reason) const;
  [[noreturn]] void Refuse(std::string_view reason) const;

 private:
  struct Data;  // a TOML table, alive as long as the whole file is
  ConfigTable(std::shared_ptr<const Data> data, std::string file, std::string name);

  // The text of `key`, null when it is none.
  std::string Text(const std::string& key, const std::string* text) const;

  std::shared_ptr<const Data> data_;
  std::string file_;
  std::string name_;  // "archive.hospital.searcher", for messages
  std::vector<std::string> known_;
};

}  // namespace trolley

#endif  // TROLLEY_CONFIG_CONFIG_TABLE_H_
