// Wraps toml++. Values are checked here, so that each message has the file and line of its key.
#include "config/config_table.h"

#include <toml++/toml.h>

#include <algorithm>

#include "base/text.h"
#include "config/default_directories.h"
#include "trolley/error.h"

namespace trolley {

struct ConfigTable::Data {
  std::shared_ptr<const toml::table> root;
  const toml::table* table;
};

ConfigTable::ConfigTable(std::shared_ptr<const Data> data, std::string file, std::string name,
                         std::shared_ptr<KeyPaths> all)
    : data_(std::move(data)), file_(std::move(file)), name_(std::move(name)), all_known_(std::move(all)) {}

ConfigTable ConfigTable::Parse(std::string_view text, const std::string& file, std::shared_ptr<KeyPaths> known) {
  try {
    const auto root = std::make_shared<const toml::table>(toml::parse(text, file));
    return ConfigTable(std::make_shared<const Data>(Data{root, root.get()}), file, "", std::move(known));
  } catch (const toml::parse_error& error) {
    throw Error(ErrorCode::kInvalidArgument, StrCat(file, ":", error.source().begin.line, ": ", error.description()));
  }
}

ConfigTable ConfigTable::Make(const std::map<std::string, std::variant<std::string, int64_t>>& values) {
  const auto table = std::make_shared<toml::table>();
  for (const auto& [key, value] : values) {
    std::visit([&table, &name = key](const auto& each) { table->insert(name, each); }, value);
  }
  return ConfigTable(std::make_shared<const Data>(Data{table, table.get()}), "", "", nullptr);
}

void ConfigTable::Know(const std::string& key) {
  known_.push_back(key);
  if (all_known_ != nullptr) {
    all_known_->insert(name_.empty() ? key : StrCat(name_, ".", key));
  }
}

bool ConfigTable::Has(std::string_view key) const {
  return data_->table->contains(key);
}

std::vector<std::string> ConfigTable::Keys() const {
  std::vector<std::string> keys;
  for (const auto& [key, value] : *data_->table) {
    keys.emplace_back(key.str());
  }
  return keys;
}

std::optional<ConfigTable> ConfigTable::Table(const std::string& key) {
  Know(key);
  const toml::node* node = data_->table->get(key);
  if (node == nullptr) {
    return std::nullopt;
  }
  if (!node->is_table()) {
    Refuse(key, StrCat("'", key, "' must be a table"));
  }
  return ConfigTable(std::make_shared<const Data>(Data{data_->root, node->as_table()}), file_,
                     name_.empty() ? key : StrCat(name_, ".", key), all_known_);
}

bool ConfigTable::IsTable(std::string_view key) const {
  const toml::node* node = data_->table->get(key);
  return node != nullptr && node->is_table();
}

std::string ConfigTable::Text(const std::string& key, const std::string* text) const {
  if (text == nullptr) {
    Refuse(key, StrCat("'", key, "' must be a text in quotes"));
  }
  if (std::any_of(text->begin(), text->end(), [](char c) { return static_cast<unsigned char>(c) < ' '; })) {
    Refuse(key, StrCat("'", key, "' contains control characters"));
  }
  return *text;
}

std::optional<std::string> ConfigTable::String(const std::string& key) {
  Know(key);
  const toml::node* node = data_->table->get(key);
  if (node == nullptr) {
    return std::nullopt;
  }
  return Text(key, node->is_string() ? &node->as_string()->get() : nullptr);
}

std::optional<std::vector<std::string>> ConfigTable::Strings(const std::string& key) {
  Know(key);
  const toml::node* node = data_->table->get(key);
  if (node == nullptr) {
    return std::nullopt;
  }
  std::vector<std::string> texts;
  if (const toml::array* list = node->as_array()) {
    for (const toml::node& each : *list) {
      texts.push_back(Text(key, each.is_string() ? &each.as_string()->get() : nullptr));
    }
  } else {
    texts.push_back(Text(key, node->is_string() ? &node->as_string()->get() : nullptr));
  }
  return texts;
}

void ConfigTable::Bool(const std::string& key, bool& value) {
  Know(key);
  const toml::node* node = data_->table->get(key);
  if (node == nullptr) {
    return;
  }
  if (!node->is_boolean()) {
    Refuse(key, StrCat("'", key, "' must be true or false"));
  }
  value = node->as_boolean()->get();
}

std::string ConfigTable::RequiredString(const std::string& key) {
  const auto text = String(key);
  if (!text || text->empty()) {
    Refuse(key, StrCat("[", name_, "] needs '", key, "'"));
  }
  return *text;
}

std::optional<std::filesystem::path> ConfigTable::Path(const std::string& key) {
  const auto text = String(key);
  if (!text || text->empty()) {
    return std::nullopt;
  }
  std::error_code ignored;
  return ExpandPath(*text, std::filesystem::absolute(file_, ignored).parent_path());
}

std::optional<size_t> ConfigTable::ChosenOf(const std::string& key, const std::vector<std::string>& names) {
  const auto text = String(key);
  if (!text) {
    return std::nullopt;
  }
  std::vector<std::string> quoted;
  for (size_t i = 0; i < names.size(); ++i) {
    if (names[i] == *text) {
      return i;
    }
    quoted.push_back(StrCat("\"", names[i], "\""));
  }
  Refuse(key, StrCat("'", key, "' must be ", Join(quoted, " or ")));
}

void ConfigTable::Duration(const std::string& key, std::chrono::milliseconds least, std::chrono::milliseconds& value) {
  Know(key);
  const toml::node* node = data_->table->get(key);
  if (node == nullptr) {
    return;
  }
  std::optional<std::chrono::milliseconds> duration;
  if (const auto* text = node->as_string()) {
    duration = ParseDuration(text->get());
  } else if (const auto* number = node->as_integer()) {
    duration = number->get() >= 0 ? ParseDuration(std::to_string(number->get())) : std::nullopt;
  }
  // More than a year is a mistake, and would overflow clocks.
  if (!duration || *duration < least || *duration > std::chrono::hours(24 * 366)) {
    Refuse(key, StrCat("'", key, "' must be a duration", least.count() > 0 ? " above zero" : "",
                       R"( and at most a year, as "10 min" or "30 s")"));
  }
  value = *duration;
}

void ConfigTable::Size(const std::string& key, uint64_t& value) {
  Know(key);
  const toml::node* node = data_->table->get(key);
  if (node == nullptr) {
    return;
  }
  std::optional<uint64_t> size;
  if (const auto* text = node->as_string()) {
    size = ParseSize(text->get());
  } else if (const auto* number = node->as_integer(); number != nullptr && number->get() >= 0) {
    size = static_cast<uint64_t>(number->get());
  }
  if (!size) {
    Refuse(key, StrCat("'", key, "' must be a size, as \"50 GiB\""));
  }
  value = *size;
}

void ConfigTable::Number(const std::string& key, uint32_t least, uint32_t most, uint32_t& value) {
  Know(key);
  const toml::node* node = data_->table->get(key);
  if (node == nullptr) {
    return;
  }
  const auto* number = node->as_integer();
  if (number == nullptr || number->get() < least || number->get() > most) {
    Refuse(key, StrCat("'", key, "' must be a number from ", least, " to ", most));
  }
  value = static_cast<uint32_t>(number->get());
}

void ConfigTable::RefuseUnknownKeys() const {
  for (const auto& [key, value] : *data_->table) {
    if (std::find(known_.begin(), known_.end(), key.str()) != known_.end()) {
      continue;
    }
    const std::string nearest = Nearest(key.str(), known_);
    throw Error(ErrorCode::kInvalidArgument,
                StrCat(file_, ":", key.source().begin.line, ": unknown key '", key.str(), "'",
                       nearest.empty() ? StrCat(", [", name_, "] takes ", Join(known_, ", "))
                                       : StrCat(", did you mean '", nearest, "'?")));
  }
}

void ConfigTable::Refuse(std::string_view key, std::string_view reason) const {
  for (const auto& [name, value] : *data_->table) {
    if (name.str() == key) {
      throw Error(ErrorCode::kInvalidArgument, StrCat(file_, ":", name.source().begin.line, ": ", reason));
    }
  }
  Refuse(reason);
}

void ConfigTable::Refuse(std::string_view reason) const {
  throw Error(ErrorCode::kInvalidArgument, StrCat(file_, ":", data_->table->source().begin.line, ": ", reason));
}

}  // namespace trolley
