#include "download/rad69/rad69_request.h"

#include <string>
#include <vector>

#include "base/text.h"
#include "download/series_batch.h"

namespace trolley {
namespace {

constexpr std::string_view kAction = "urn:ihe:rad:2009:RetrieveImagingDocumentSet";

// Suffixes of "1.2.840.10008.1.2". Lossless syntaxes come first, in case a server treats the order as a preference.
constexpr std::string_view kTransferSyntaxes[] = {
    ".1",     "",         ".1.99",  ".1.98",    ".2",     // explicit and implicit little endian, deflated, big endian
    ".5",     ".8.1",                                     // RLE, deflated image frames
    ".4.70",  ".4.57",    ".4.58",  ".4.65",    ".4.66",  // JPEG, lossless
    ".4.80",  ".4.81",                                    // JPEG-LS
    ".4.90",  ".4.91",    ".4.92",  ".4.93",              // JPEG 2000
    ".4.201", ".4.202",   ".4.203",                       // High-Throughput JPEG 2000
    ".4.110", ".4.111",   ".4.112",                       // JPEG XL
    ".4.50",  ".4.51",                                    // JPEG
    ".4.52",  ".4.53",    ".4.54",  ".4.55",    ".4.56",  // JPEG, retired
    ".4.59",  ".4.60",    ".4.61",  ".4.62",    ".4.63",  ".4.64",    ".4.100", ".4.100.1",
    ".4.101", ".4.101.1",                                                                  // MPEG-2
    ".4.102", ".4.102.1", ".4.103", ".4.103.1",                                            // MPEG-4
    ".4.104", ".4.104.1", ".4.105", ".4.105.1", ".4.106", ".4.106.1", ".4.107", ".4.108",  // HEVC
};

std::string Escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string Document(const Rad69Options& options, const InstanceReference& instance) {
  std::string xml = "<x:DocumentRequest>";
  if (!options.home_community_id.empty()) {
    xml += StrCat("<x:HomeCommunityId>", Escaped(options.home_community_id), "</x:HomeCommunityId>");
  }
  return StrCat(xml, "<x:RepositoryUniqueId>", Escaped(options.repository_uid),
                "</x:RepositoryUniqueId><x:DocumentUniqueId>", Escaped(instance.instance.str()),
                "</x:DocumentUniqueId></x:DocumentRequest>");
}

struct StudyDocuments {
  Uid study;
  std::string series;  // its SeriesRequests
};

std::string Studies(const Rad69Options& options, std::span<const InstanceReference> instances) {
  std::vector<StudyDocuments> studies;
  for (const SeriesBatch& batch : GroupBySeries(instances)) {
    StudyDocuments* study = nullptr;
    for (StudyDocuments& each : studies) {
      study = each.study == batch.series.study ? &each : study;
    }
    if (study == nullptr) {
      study = &studies.emplace_back(StudyDocuments{batch.series.study, ""});
    }
    study->series += StrCat("<r:SeriesRequest seriesInstanceUID=\"", Escaped(batch.series.series.str()), "\">");
    for (const InstanceReference& instance : batch.instances) {
      study->series += Document(options, instance);
    }
    study->series += "</r:SeriesRequest>";
  }
  std::string xml;
  for (const StudyDocuments& study : studies) {
    xml += StrCat("<r:StudyRequest studyInstanceUID=\"", Escaped(study.study.str()), "\">", study.series,
                  "</r:StudyRequest>");
  }
  return xml;
}

std::string Envelope(const Rad69Options& options, std::span<const InstanceReference> instances, std::string_view id) {
  std::string xml = StrCat(
      R"(<?xml version="1.0" encoding="UTF-8"?><s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" )",
      R"(xmlns:a="http://www.w3.org/2005/08/addressing"><s:Header><a:Action s:mustUnderstand="true">)", kAction,
      "</a:Action><a:MessageID>urn:uuid:", id,
      "</a:MessageID><a:ReplyTo><a:Address>http://www.w3.org/2005/08/addressing/anonymous</a:Address></a:ReplyTo>",
      R"(<a:To s:mustUnderstand="true">)", Escaped(options.url), "</a:To></s:Header><s:Body>",
      R"(<r:RetrieveImagingDocumentSetRequest xmlns:r="urn:ihe:rad:xdsi-b:2009" xmlns:x="urn:ihe:iti:xds-b:2007">)");
  xml += Studies(options, instances);
  xml += "<r:TransferSyntaxUIDList>";
  for (const std::string_view syntax : kTransferSyntaxes) {
    xml += StrCat("<r:TransferSyntaxUID>1.2.840.10008.1.2", syntax, "</r:TransferSyntaxUID>");
  }
  return xml + "</r:TransferSyntaxUIDList></r:RetrieveImagingDocumentSetRequest></s:Body></s:Envelope>";
}

}  // namespace

HttpRequest MakeRad69Request(const Rad69Options& options, std::span<const InstanceReference> instances,
                             std::string_view id) {
  HttpRequest request;
  request.method = "POST";
  request.url = options.url;
  request.headers = {"Accept: multipart/related, application/xop+xml, application/soap+xml"};
  std::string envelope = Envelope(options, instances, id);
  if (options.envelope == Rad69Options::Envelope::kSoap) {
    request.headers.emplace_back("Content-Type: application/soap+xml; charset=UTF-8");
    request.body = std::move(envelope);
    return request;
  }
  const std::string root = StrCat("<", id, "@trolleyfs>");
  request.headers.push_back(StrCat("Content-Type: multipart/related; boundary=\"", id,
                                   "\"; type=\"application/xop+xml\"; start=\"", root,
                                   "\"; start-info=\"application/soap+xml\"; action=\"", kAction, "\""));
  request.body = StrCat("--", id,
                        "\r\nContent-Type: application/xop+xml; charset=UTF-8; type=\"application/soap+xml\"\r\n"
                        "Content-Transfer-Encoding: binary\r\nContent-ID: ",
                        root, "\r\n\r\n", envelope, "\r\n--", id, "--\r\n");
  return request;
}

}  // namespace trolley
