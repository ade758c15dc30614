#include "http/media_type.h"

#include <algorithm>

#include "base/text.h"

namespace trolley {
namespace {

bool IsTokenCharacter(char c) {
  return c > ' ' && c < '\x7f' && std::string_view("()<>@,;:\\\"/[]?=").find(c) == std::string_view::npos;
}

bool IsToken(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), IsTokenCharacter);
}

bool IsControl(char c) {
  return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == '\x7f';
}

// `rest` starts after the opening quote; what is left of it starts after the closing one.
std::optional<std::string> TakeQuoted(std::string_view& rest) {
  std::string value;
  for (size_t i = 0; i < rest.size(); ++i) {
    if (rest[i] == '"') {
      rest.remove_prefix(i + 1);
      return value;
    }
    if (rest[i] == '\\' && ++i == rest.size()) {
      break;
    }
    value.push_back(rest[i]);
  }
  return std::nullopt;
}

// One `name=value`; unquoted values may hold characters that need quotes by the book (boundary=uuid:1,
// type=application/dicom), because servers send them.
std::optional<std::pair<std::string, std::string>> TakeParameter(std::string_view& rest) {
  const size_t equals = rest.find('=');
  if (equals == std::string_view::npos || !IsToken(Trim(rest.substr(0, equals)))) {
    return std::nullopt;
  }
  const std::string name = AsciiLower(Trim(rest.substr(0, equals)));
  rest = Trim(rest.substr(equals + 1));
  if (rest.starts_with('"')) {
    rest.remove_prefix(1);
    auto value = TakeQuoted(rest);
    rest = Trim(rest);
    if (!value || (!rest.empty() && rest.front() != ';')) {
      return std::nullopt;
    }
    return std::pair{name, *std::move(value)};
  }
  const size_t end = std::min(rest.find(';'), rest.size());
  const std::string_view value = Trim(rest.substr(0, end));
  rest.remove_prefix(end);
  if (value.empty() || value.find_first_of("\" \t") != std::string_view::npos) {
    return std::nullopt;
  }
  return std::pair{name, std::string(value)};
}

}  // namespace

std::string_view MediaType::Parameter(std::string_view lower_name) const {
  for (const auto& [name, value] : parameters) {
    if (name == lower_name) {
      return value;
    }
  }
  return {};
}

std::optional<MediaType> ParseMediaType(std::string_view header_value) {
  if (std::any_of(header_value.begin(), header_value.end(), IsControl)) {
    return std::nullopt;
  }
  std::string_view rest = Trim(header_value);
  const std::string_view type = Trim(rest.substr(0, rest.find(';')));
  const size_t slash = type.find('/');
  if (slash == std::string_view::npos || !IsToken(type.substr(0, slash)) || !IsToken(type.substr(slash + 1))) {
    return std::nullopt;
  }
  MediaType result{AsciiLower(type), {}};
  rest.remove_prefix(std::min(rest.find(';'), rest.size()));
  while (!rest.empty()) {
    rest = Trim(rest.substr(1));  // the ";"
    if (rest.empty() || rest.front() == ';') {
      continue;
    }
    auto parameter = TakeParameter(rest);
    if (!parameter) {
      return std::nullopt;
    }
    result.parameters.push_back(*std::move(parameter));
  }
  return result;
}

}  // namespace trolley
