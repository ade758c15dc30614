#include "config/client_config.h"

#include <algorithm>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/text.h"
#include "config/auth_config.h"
#include "config/service_url.h"

namespace trolley {
namespace {

const std::vector<std::string> kSearchers = {"qido-rs", "dicom-qr", "mint", "folder"};
const std::vector<std::string> kDownloaders = {"wado-rs", "wado-uri", "wado-rs-metadata", "rad69", "c-get",
                                               "c-move",  "folder"};

std::string ReadType(ConfigTable& table, const std::vector<std::string>& types, const char* role) {
  std::string type = table.RequiredString("type");
  if (std::find(types.begin(), types.end(), type) == types.end()) {
    table.Refuse("type", StrCat("unknown ", role, " type '", type, "', use ", Join(types, " or ")));
  }
  return type;
}

void ReadFolder(ConfigTable& table, const std::filesystem::path& base, ArchiveConfig& archive) {
  const std::filesystem::path path = ExpandPath(table.RequiredString("path"), base);
  if (!archive.folder.empty() && archive.folder != path) {
    table.Refuse("path", "searcher and downloader name different folders");
  }
  archive.folder = path;
}

std::string ReadUrl(ConfigTable& table, const std::string& inherited) {
  const auto url = table.String("url");
  if (!url && !inherited.empty()) {
    return inherited;
  }
  const std::string given = url ? *url : table.RequiredString("url");
  try {
    return NormalizeServiceUrl(given);
  } catch (const Error& error) {
    table.Refuse("url", error.what());
  }
}

void ReadAeTitle(ConfigTable& table, const char* key, std::string& title) {
  const auto text = table.String(key);
  if (!text) {
    return;
  }
  title = std::string(Trim(*text));
  if (!IsAeTitle(title)) {
    table.Refuse(key, StrCat("'", key, "' is no AE title: 1 to 16 printable characters without backslash"));
  }
}

void ReadCharset(ConfigTable& table, const char* key, std::string& charset) {
  if (const auto text = table.String(key)) {
    charset = *text;
  }
}

void ReadDicom(ConfigTable& table, const std::filesystem::path& base, const std::string& type, DicomConfig& dicom) {
  const std::string inherited_host = dicom.host;
  if (const auto host = table.String("host")) {
    dicom.host = *host;
  }
  if (dicom.host.empty()) {
    dicom.host = table.RequiredString("host");
  }
  if (dicom.host != inherited_host) {
    // What one host may know is not told to another.
    dicom.user.clear();
    dicom.passcode = {};
  }
  table.Number("port", 1, 65535, dicom.port);
  ReadAeTitle(table, "aet", dicom.aet);
  ReadAeTitle(table, "aec", dicom.aec);
  table.Bool("tls", dicom.tls);
  if (const auto user = table.String("user")) {
    dicom.user = *user;
  }
  const SecretSource passcode = ReadSecretSource(table, "passcode", base);
  if (!passcode.empty()) {
    dicom.passcode = passcode;
  }
  if (!dicom.passcode.empty() && dicom.user.empty()) {
    table.Refuse("a passcode needs 'user'");
  }
  if (type == "dicom-qr") {
    const std::string root = table.String("root").value_or("study");
    if (root != "study" && root != "patient") {
      table.Refuse("root", R"('root' must be "study" or "patient")");
    }
    dicom.patient_root = root == "patient";
    table.Bool("relational", dicom.relational);
    ReadCharset(table, "charset", dicom.charset);
    ReadCharset(table, "fallback_charset", dicom.fallback_charset);
  }
  if (type == "c-move") {
    ReadAeTitle(table, "move_aet", dicom.move_aet);
    table.Number("move_port", 1, 65535, dicom.move_port);
    dicom.bind = table.String("bind").value_or("");
    if (dicom.move_port == 0) {
      table.Refuse(
          "c-move needs 'move_port': the port at which this machine waits for the archive; the archive has to "
          "know it, with the AE title 'move_aet' (default: 'aet') and this machine's address");
    }
  }
}

void ReadMint(ConfigTable& table, ClientConfig& client) {
  const std::string dialect = table.String("dialect").value_or("vitrea");
  if (dialect != "vitrea" && dialect != "reference") {
    table.Refuse("dialect", R"('dialect' must be "vitrea" or "reference")");
  }
  client.mint_reference = dialect == "reference";
  client.date_parameters = table.String("date_parameters").value_or("minStudyDate");
  if (client.date_parameters != "minStudyDate" && client.date_parameters != "min_study_date") {
    table.Refuse("date_parameters", R"('date_parameters' must be "minStudyDate" or "min_study_date")");
  }
}

void ReadRad69(ConfigTable& table, ClientConfig& client) {
  client.repository_uid = table.String("repository_uid").value_or("");
  client.errors_to_ignore = table.Strings("errors_to_ignore").value_or(std::vector<std::string>());
  table.Bool("request_per_series", client.request_per_series);
  table.Bool("bare_soap", client.bare_soap);
}

void ReadClient(ConfigTable& table, const std::filesystem::path& base, const ClientConfig& inherited,
                ArchiveConfig& archive, ClientConfig& client) {
  const bool same_protocol = IsDicomType(client.type) && IsDicomType(inherited.type);
  if (client.type == "folder") {
    ReadFolder(table, base, archive);
  } else if (IsDicomType(client.type)) {
    if (same_protocol) {
      client.dicom = inherited.dicom;
    }
    ReadDicom(table, base, client.type, client.dicom);
  } else {
    // DICOMweb's services share one base; the others' are elsewhere.
    const bool shares = inherited.type == "qido-rs" && client.type.starts_with("wado-rs");
    client.url = ReadUrl(table, shares ? inherited.url : "");
    if (auto auth = table.Table("auth")) {
      client.auth = ReadAuth(*auth, base);
    }
  }
  if (client.type == "mint") {
    ReadMint(table, client);
  }
  if (client.type == "rad69") {
    ReadRad69(table, client);
  }
  table.RefuseUnknownKeys();
}

void DefaultDownloader(ConfigTable& table, ArchiveConfig& archive) {
  const std::string& type = archive.searcher.type;
  ClientConfig& downloader = archive.downloader;
  if (type == "mint") {
    table.Refuse("a searcher of type mint needs a downloader: add downloader = { type = \"rad69\", url = ... }");
  }
  downloader = archive.searcher;
  downloader.type = type == "folder" ? "folder" : type == "dicom-qr" ? "c-get" : "wado-rs";
}

}  // namespace

bool IsDicomType(std::string_view type) {
  return type == "dicom-qr" || type == "c-get" || type == "c-move";
}

bool IsAeTitle(std::string_view title) {
  return !title.empty() && title.size() <= 16 && title.find_first_not_of(' ') != std::string_view::npos &&
         std::all_of(title.begin(), title.end(), [](char c) { return c >= ' ' && c < 0x7f && c != '\\'; });
}

void ReadClients(ConfigTable& table, const std::filesystem::path& base, ArchiveConfig& archive) {
  auto searcher = table.Table("searcher");
  auto downloader = table.Table("downloader");
  if (!searcher) {
    return;  // refused at the end, lest a misspelt "searcher" be called a missing one
  }
  archive.searcher.type = ReadType(*searcher, kSearchers, "searcher");
  ReadClient(*searcher, base, {}, archive, archive.searcher);
  if (downloader) {
    archive.downloader.type = ReadType(*downloader, kDownloaders, "downloader");
    ReadClient(*downloader, base, archive.searcher, archive, archive.downloader);
  } else {
    DefaultDownloader(table, archive);
  }
  if (archive.searcher.type == "folder") {
    ApplyFolderDefaults(archive);
  }
}

}  // namespace trolley
