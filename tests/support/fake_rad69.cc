#include "support/fake_rad69.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "base/base64.h"
#include "base/text.h"

namespace trolley {
namespace {

constexpr std::string_view kAction = "urn:ihe:rad:2009:RetrieveImagingDocumentSet";

size_t Count(std::string_view text, std::string_view what) {
  size_t count = 0;
  for (size_t at = text.find(what); at != std::string_view::npos; at = text.find(what, at + 1)) {
    ++count;
  }
  return count;
}

std::string Between(std::string_view text, std::string_view before, std::string_view after, size_t from = 0) {
  const size_t at = text.find(before, from);
  if (at == std::string_view::npos) {
    return "";
  }
  const size_t begin = at + before.size();
  return std::string(text.substr(begin, text.find(after, begin) - begin));
}

// What IHE RAD TF-2 §4.69.4.1 and MTOM ask for.
std::vector<std::string> ComplaintsAbout(const ReceivedRequest& request, bool mtom) {
  std::vector<std::string> complaints;
  const auto expect = [&](bool good, const std::string& complaint) {
    if (!good) {
      complaints.push_back(complaint);
    }
  };
  const std::string type = request.Header("content-type");
  const Rad69Asked asked = ReadRad69Request(request);
  expect(request.method == "POST", "not POST");
  if (mtom) {
    const std::string boundary = Between(type, "boundary=\"", "\"");
    const std::string root = Between(type, "start=\"", "\"");
    expect(type.starts_with("multipart/related;"), "not multipart/related");
    expect(type.find("type=\"application/xop+xml\"") != std::string::npos, "no type");
    expect(type.find("start-info=\"application/soap+xml\"") != std::string::npos, "no start-info");
    expect(type.find(StrCat("action=\"", kAction, "\"")) != std::string::npos, "no action");
    expect(!boundary.empty() && request.body.starts_with("--" + boundary + "\r\n"), "no first delimiter");
    expect(request.body.ends_with("\r\n--" + boundary + "--\r\n"), "no closing delimiter");
    expect(!root.empty() && request.body.find("Content-ID: " + root + "\r\n") != std::string::npos, "no root part");
    expect(request.body.find("Content-Transfer-Encoding: binary\r\n") != std::string::npos, "not binary");
    expect(request.body.find("Content-Type: application/xop+xml; charset=UTF-8; type=\"application/soap+xml\"\r\n") !=
               std::string::npos,
           "the root part is no XOP");
  } else {
    expect(type.starts_with("application/soap+xml"), "not application/soap+xml");
    expect(request.body.starts_with("<?xml"), "no XML declaration");
  }
  const std::string_view xml = asked.envelope;
  expect(xml.find(StrCat(">", kAction, "</a:Action>")) != std::string_view::npos, "no wsa:Action");
  expect(xml.find("<a:MessageID>urn:uuid:") != std::string_view::npos, "no wsa:MessageID");
  expect(!Between(xml, "mustUnderstand=\"true\">http://127.0.0.1", "</a:To>").empty(), "no wsa:To");
  expect(Count(xml, "<r:RetrieveImagingDocumentSetRequest ") == 1, "not one request");
  expect(Between(xml, "<s:Body>", "<r:").empty(), "text in the body");
  std::set<std::string> series;
  std::set<std::string> studies;
  for (const InstanceReference& instance : asked.instances) {
    studies.insert(instance.study.str());
    series.insert(instance.study.str() + "/" + instance.series.str());
  }
  expect(Count(xml, "<r:StudyRequest ") == studies.size(), "a study twice");
  expect(Count(xml, "<r:SeriesRequest ") == series.size(), "a series twice");
  expect(Count(xml, "<x:RepositoryUniqueId>") == asked.instances.size(), "no repository");
  const std::set<std::string> syntaxes(asked.syntaxes.begin(), asked.syntaxes.end());
  expect(syntaxes.size() == asked.syntaxes.size() && syntaxes.size() > 40, "transfer syntaxes are missing or repeated");
  for (const char* jpip : {".4.94", ".4.95", ".4.204", ".4.205"}) {
    expect(!syntaxes.contains(StrCat("1.2.840.10008.1.2", jpip)), "JPIP is listed");
  }
  return complaints;
}

std::string ContentIdOf(const std::string& uid, bool sloppy) {
  return sloppy ? "e6f6b279-" + uid : uid + "@urn:ihe:rad:2009";
}

std::string Href(const std::string& uid, bool sloppy) {
  return "cid:" + (sloppy ? ContentIdOf(uid, true) : uid + "@urn%3Aihe%3Arad%3A2009");
}

}  // namespace

Rad69Asked ReadRad69Request(const ReceivedRequest& request) {
  Rad69Asked asked;
  asked.envelope = request.body.substr(std::min(request.body.find("<?xml"), request.body.size()));
  asked.envelope = asked.envelope.substr(0, asked.envelope.find("</s:Envelope>"));
  const std::string& xml = asked.envelope;
  std::string study;
  std::string series;
  for (size_t at = xml.find('<'); at != std::string::npos; at = xml.find('<', at + 1)) {
    const std::string_view rest = std::string_view(xml).substr(at);
    if (rest.starts_with("<r:StudyRequest ")) {
      study = Between(rest, "studyInstanceUID=\"", "\"");
    } else if (rest.starts_with("<r:SeriesRequest ")) {
      series = Between(rest, "seriesInstanceUID=\"", "\"");
    } else if (rest.starts_with("<x:DocumentUniqueId>")) {
      asked.instances.push_back({Uid(study), Uid(series), Uid(Between(rest, ">", "<"))});
    } else if (rest.starts_with("<r:TransferSyntaxUID>")) {
      asked.syntaxes.push_back(Between(rest, ">", "<"));
    }
  }
  return asked;
}

std::string Rad69ErrorXml(const std::string& code, const std::string& location, const std::string& severity) {
  return StrCat("<rs:RegistryError codeContext=\"Unable to locate SOP from MINT.\" errorCode=\"", code,
                "\" location=\"", location,
                "\" severity=\"urn:oasis:names:tc:ebxml-regrep:ErrorSeverityType:", severity, "\"/>");
}

std::string Rad69DocumentXml(const std::string& uid, const std::string& href) {
  return StrCat("<DocumentResponse><RepositoryUniqueId>1.3.6.1.4.1000</RepositoryUniqueId><DocumentUniqueId>", uid,
                "</DocumentUniqueId><HomeCommunityId/><mimeType>application/dicom</mimeType><Document><xop:Include "
                "xmlns:xop=\"http://www.w3.org/2004/08/xop/include\" href=\"",
                href, "\"/></Document></DocumentResponse>");
}

std::string Rad69EnvelopeXml(const std::string& status, const std::string& errors, const std::string& documents) {
  const std::string list = errors.empty() ? "" : "<rs:RegistryErrorList>" + errors + "</rs:RegistryErrorList>";
  const std::string uri = status == "PartialSuccess" ? "urn:ihe:iti:2007:ResponseStatusType:"
                                                     : "urn:oasis:names:tc:ebxml-regrep:ResponseStatusType:";
  return StrCat(
      "<?xml version=\"1.0\" encoding=\"utf-8\" ?><env:Envelope "
      "xmlns:env=\"http://www.w3.org/2003/05/soap-envelope\"><env:Header><a:Action "
      "xmlns:a=\"http://www.w3.org/2005/08/addressing\" env:mustUnderstand=\"true\">"
      "urn:ihe:iti:2007:RetrieveDocumentSetResponse</a:Action></env:Header><env:Body>"
      "<RetrieveDocumentSetResponse xmlns=\"urn:ihe:iti:xds-b:2007\" "
      "xmlns:rs=\"urn:oasis:names:tc:ebxml-regrep:xsd:rs:3.0\"><rs:RegistryResponse status=\"",
      uri, status, "\">", list, "</rs:RegistryResponse>", documents,
      "</RetrieveDocumentSetResponse></env:Body></env:Envelope>");
}

FakeRad69::FakeRad69(std::map<InstanceReference, std::string> content)
    : content_(std::move(content)),
      server_([this](const ReceivedRequest& request, HttpReply& reply) { Respond(request, reply); }) {}

void FakeRad69::SetHabits(const Habits& habits) {
  const std::lock_guard lock(mutex_);
  habits_ = habits;
}

void FakeRad69::SetMood(Mood mood) {
  const std::lock_guard lock(mutex_);
  mood_ = mood;
}

std::vector<std::string> FakeRad69::Complaints() const {
  const std::lock_guard lock(mutex_);
  return complaints_;
}

void FakeRad69::Respond(const ReceivedRequest& request, HttpReply& reply) {
  Habits habits;
  Mood mood;
  bool busy = false;
  std::vector<std::string> complaints;
  {
    const std::lock_guard lock(mutex_);
    if (habits_.busy_answers > 0) {
      --habits_.busy_answers;
      busy = true;
    }
    habits = habits_;
    mood = mood_;
    if (!habits.sloppy) {
      complaints = ComplaintsAbout(request, habits.takes_mtom);
      complaints_.insert(complaints_.end(), complaints.begin(), complaints.end());
    }
  }
  if (request.target != "/rids") {
    reply.Respond(404, "text/html", "<html><body>HTTP ERROR 404</body></html>");
    return;
  }
  if (!complaints.empty()) {
    reply.Respond(400, "application/soap+xml",
                  "<s:Envelope xmlns:s=\"http://www.w3.org/2003/05/soap-envelope\"><s:Body><s:Fault><s:Code><s:Value>"
                  "s:Sender</s:Value></s:Code><s:Reason><s:Text xml:lang=\"en\">" +
                      Join(complaints, ", ") + "</s:Text></s:Reason></s:Fault></s:Body></s:Envelope>");
    return;
  }
  std::string errors = habits.general_error.empty() ? "" : Rad69ErrorXml(habits.general_error, "");
  std::string documents;
  std::string parts;
  const std::string boundary = habits.sloppy ? "----=_Part_1_1788103738.1647962762356" : "uuid:0ca0e16e-feb1-426c";
  for (const InstanceReference& instance : ReadRad69Request(request).instances) {
    const std::string& uid = instance.instance.str();
    const auto file = content_.find(instance);
    const auto error = habits.errors.find(uid);
    if (busy || error != habits.errors.end() || file == content_.end()) {
      errors += Rad69ErrorXml(busy                           ? "XDSRepositoryBusy"
                              : error != habits.errors.end() ? error->second
                                                             : "XDSMissingDocument",
                              busy ? "" : uid);
      continue;
    }
    if (!habits.general_error.empty()) {
      continue;
    }
    if (habits.warnings.contains(uid)) {
      errors += Rad69ErrorXml("XDSExtraMetadataNotSaved", uid, "Warning");
    }
    std::string document = Rad69DocumentXml(uid, Href(uid, habits.sloppy));
    if (habits.embeds) {
      const size_t begin = document.find("<xop:Include");
      document.replace(begin, document.find("/>", begin) + 2 - begin, EncodeBase64(file->second));
    } else {
      const std::string id = ContentIdOf(uid, habits.sloppy);
      parts += StrCat("--", boundary, "\r\nContent-Type: application/dicom\r\nContent-Transfer-Encoding: binary\r\n",
                      "Content-ID: ", habits.sloppy ? id : "<" + id + ">", "\r\n\r\n", file->second, "\r\n");
    }
    documents += document;
  }
  std::string envelope = Rad69EnvelopeXml(errors.empty()      ? "Success"
                                          : documents.empty() ? "Failure"
                                                              : "PartialSuccess",
                                          errors, documents);
  if (habits.embeds || (habits.sloppy && documents.empty())) {
    Send("application/soap+xml", envelope, mood, reply);
    return;
  }
  if (habits.sloppy) {
    envelope.replace(envelope.find("\"http"), 1, "");  // a quote is missing
  }
  const std::string root =
      StrCat("--", boundary, "\r\nContent-Type: application/xop+xml; charset=UTF-8; ",
             "type=\"application/soap+xml\"\r\nContent-Transfer-Encoding: binary\r\nContent-ID: ",
             habits.sloppy ? "root" : "<root.message@cxf.apache.org>", "\r\n\r\n", envelope, "\r\n");
  const std::string body = (habits.root == Root::kFirst ? root : "") + parts +
                           (habits.root == Root::kLast ? root : "") + "--" + boundary + "--\r\n";
  Send(habits.sloppy ? "multipart/form-data; boundary=" + boundary
                     : "multipart/related; type=\"application/xop+xml\"; boundary=\"" + boundary +
                           "\"; start=\"<root.message@cxf.apache.org>\"; start-info=\"application/soap+xml\"",
       body, mood, reply);
}

void FakeRad69::Send(const std::string& type, const std::string& body, Mood mood, HttpReply& reply) {
  if (mood == Mood::kWell) {
    // As such servers do: chunked, in pieces that end anywhere.
    reply.Head(200, {{"Content-Type", type}, {"Transfer-Encoding", "chunked"}});
    constexpr std::string_view kHex = "0123456789abcdef";
    for (size_t at = 0, size = 7; at < body.size(); at += size, size = size * 3 % 100000 + 1) {
      const std::string piece = body.substr(at, size);
      std::string length;
      for (size_t rest = piece.size(); rest > 0; rest /= 16) {
        length.insert(length.begin(), kHex[rest % 16]);
      }
      reply.Send(length + "\r\n" + piece + "\r\n");
    }
    reply.Send("0\r\n\r\n");
    return;
  }
  reply.Head(200, {{"Content-Type", type}, {"Content-Length", std::to_string(body.size())}});
  reply.Send(body.substr(0, body.size() / 2));
  mood == Mood::kSilent ? reply.Hang() : reply.Close();
}

}  // namespace trolley
