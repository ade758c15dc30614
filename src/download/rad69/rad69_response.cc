// Reads what servers really send: also XML that is not well-formed. Input is untrusted, so sizes are limited.
#include "download/rad69/rad69_response.h"

#include <algorithm>
#include <pugixml.hpp>
#include <utility>

#include "base/base64.h"
#include "base/text.h"
#include "trolley/error.h"

namespace trolley {
namespace {

constexpr std::ptrdiff_t kMaxMarks = 3'000'000;  // elements and attributes: pugixml takes about 64 bytes for each
constexpr size_t kMaxTwice = size_t{8} << 20;    // larger ones are not held twice
constexpr size_t kMaxText = 300;                 // of what a server says

[[noreturn]] void Unreadable(std::string_view reason) {
  throw Error(ErrorCode::kProtocol, StrCat("Cannot read the RAD-69 response: ", reason));
}

std::string_view LocalName(std::string_view name) {
  return name.substr(name.rfind(':') + 1);  // npos + 1 == 0
}

bool Is(const pugi::xml_node& node, std::string_view name) {
  return node.type() == pugi::node_element && LocalName(node.name()) == name;
}

pugi::xml_node Child(const pugi::xml_node& node, std::string_view name) {
  return node.find_child([&](const pugi::xml_node& child) { return Is(child, name); });
}

// The server's text, safe to show.
std::string Printable(std::string_view text) {
  std::string out(IsValidUtf8(text) ? Trim(text) : "?");
  std::replace_if(
      out.begin(), out.end(), [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7f'; }, ' ');
  return std::string(TruncateUtf8(out, kMaxText));
}

Rad69Response::Status StatusOf(std::string_view uri) {
  const std::string_view word = Trim(LocalName(uri));
  if (word == "Success") {
    return Rad69Response::Status::kSuccess;
  }
  return word == "PartialSuccess" ? Rad69Response::Status::kPartialSuccess : Rad69Response::Status::kFailure;
}

Rad69Error MakeError(std::string_view code, std::string_view context, std::string_view location,
                     std::string_view severity) {
  return {Printable(code), Printable(context), std::string(Trim(location)), LocalName(severity) == "Warning"};
}

// --- Well-formed ---

std::string FaultText(const pugi::xml_node& fault) {
  // SOAP 1.2, or 1.1
  std::string code = Printable(LocalName(Child(Child(fault, "Code"), "Value").text().get()));
  std::string reason = Printable(Child(Child(fault, "Reason"), "Text").text().get());
  if (code.empty()) {
    code = Printable(LocalName(fault.child("faultcode").text().get()));
    reason = Printable(fault.child("faultstring").text().get());
  }
  return StrCat(code, reason.empty() ? "" : ": ", reason);
}

void ReadDocument(const pugi::xml_node& xml, Rad69Response& response) {
  const std::optional<Uid> uid = Uid::Parse(Trim(Child(xml, "DocumentUniqueId").text().get()));
  const pugi::xml_node document = Child(xml, "Document");
  if (!uid || !document) {
    return;
  }
  if (const pugi::xml_node include = Child(document, "Include")) {
    response.documents.emplace(ContentId(include.attribute("href").value()), *uid);
    return;
  }
  std::optional<std::string> bytes = DecodeBase64(document.text().get());
  if (!bytes) {
    response.damaged = true;
    return;
  }
  response.embedded.emplace_back(*uid, *std::move(bytes));
}

void ReadRegistryResponse(const pugi::xml_node& xml, Rad69Response& response) {
  response.status = StatusOf(xml.attribute("status").value());
  for (const pugi::xml_node& error : Child(xml, "RegistryErrorList").children()) {
    if (Is(error, "RegistryError")) {
      response.errors.push_back(MakeError(error.attribute("errorCode").value(), error.attribute("codeContext").value(),
                                          error.attribute("location").value(), error.attribute("severity").value()));
    }
  }
}

Rad69Response ReadEnvelope(const pugi::xml_node& envelope) {
  Rad69Response response;
  const pugi::xml_node body = Child(envelope, "Body");
  if (const pugi::xml_node fault = Child(body, "Fault")) {
    response.fault = FaultText(fault);
    return response;
  }
  for (const pugi::xml_node& element : body.children()) {
    for (const pugi::xml_node& child : element.children()) {
      if (Is(child, "RegistryResponse")) {
        ReadRegistryResponse(child, response);
      } else if (Is(child, "DocumentResponse")) {
        ReadDocument(child, response);
      }
    }
  }
  return response;
}

// --- Not well-formed ---

// The value of name="value" within a tag.
std::string_view ValueIn(std::string_view tag, std::string_view name) {
  const size_t at = tag.find(StrCat(" ", name, "=\""));
  if (at == std::string_view::npos) {
    return {};
  }
  const std::string_view rest = tag.substr(at + name.size() + 3);
  return rest.substr(0, rest.find('"'));
}

// Looks at each tag for itself: servers forget quotes.
Rad69Response ReadDamaged(std::string_view xml) {
  Rad69Response response;
  response.damaged = true;
  std::optional<Uid> uid;
  for (size_t at = xml.find('<'); at != std::string_view::npos;) {
    const size_t end = std::min(xml.find_first_of("<>", at + 1), xml.size());
    const size_t next = end < xml.size() && xml[end] == '<' ? end : xml.find('<', end);
    std::string tag(xml.substr(at + 1, end - at - 1));
    std::replace_if(
        tag.begin(), tag.end(), [](char c) { return c == '\n' || c == '\r' || c == '\t'; }, ' ');
    const std::string_view name = LocalName(std::string_view(tag).substr(0, tag.find_first_of(" /")));
    if (name == "RegistryResponse") {
      response.status = StatusOf(ValueIn(tag, "status"));
    } else if (name == "RegistryError") {
      response.errors.push_back(MakeError(ValueIn(tag, "errorCode"), ValueIn(tag, "codeContext"),
                                          ValueIn(tag, "location"), ValueIn(tag, "severity")));
    } else if (name == "DocumentUniqueId" && next != std::string_view::npos && next > end) {
      uid = Uid::Parse(Trim(xml.substr(end + 1, next - end - 1)));
    } else if (name == "Include" && uid) {
      response.documents.emplace(ContentId(ValueIn(tag, "href")), *uid);
    }
    at = next;
  }
  return response;
}

}  // namespace

Rad69Response ParseRad69Response(std::string xml) {
  if (std::count_if(xml.begin(), xml.end(), [](char c) { return c == '<' || c == '='; }) > kMaxMarks) {
    Unreadable("it is too large");
  }
  const std::string lower = AsciiLower(std::string_view(xml).substr(0, 512));
  if (lower.find("<html") != std::string::npos || lower.find("<!doctype html") != std::string::npos) {
    Unreadable("it is a page for people; check the URL of the archive and the login");
  }
  if (xml.find("Envelope") == std::string::npos) {
    Unreadable("it is no SOAP envelope; check the URL of the archive");
  }
  // pugixml knows no entities but the five of XML, and does not look at what a DTD declares; its parser does not
  // recurse. An encoding that it does not know is taken for UTF-8.
  pugi::xml_document document;
  if (xml.size() > kMaxTwice) {
    if (!document.load_buffer_inplace(xml.data(), xml.size(), pugi::parse_default)) {
      Unreadable("it is not well-formed");
    }
  } else if (!document.load_buffer(xml.data(), xml.size(), pugi::parse_default)) {
    return ReadDamaged(xml);
  }
  const pugi::xml_node envelope = document.document_element();
  if (!Is(envelope, "Envelope")) {
    Unreadable("it is no SOAP envelope; check the URL of the archive");
  }
  return ReadEnvelope(envelope);
}

std::string ContentId(std::string_view text) {
  std::string id(Trim(text));
  if (StartsWithIgnoreCase(id, "cid:")) {
    id.erase(0, 4);
    // RFC 2392: an encoded URL; a "%" that encodes nothing stays.
    id = PercentDecode(id).value_or(id);
  }
  if (id.starts_with('<') && id.ends_with('>')) {
    id = id.substr(1, id.size() - 2);
  }
  return id;
}

}  // namespace trolley
