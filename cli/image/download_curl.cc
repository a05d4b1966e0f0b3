// Transfers by libcurl; the one file that sees it.
#include <array>
#include <cstring>
#include <curl/curl.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <memory>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/image/download.h"
#include "fs/fd.h"

namespace nestp {
namespace {

constexpr long kConnectSeconds = 30;
constexpr long kIdleSeconds = 60;  // a server that sends nothing for so long is given up
constexpr long kMostRedirects = 10;
constexpr std::size_t kMostAnswer = std::size_t{16} * 1024 * 1024;

/// libcurl, loaded by the first transfer: with all that it needs itself it is more than thirty
/// libraries, some 10 ms of every start, and few runs of nestp transfer anything.
struct CurlLibrary {
  decltype(&curl_global_init) global_init = nullptr;
  decltype(&curl_easy_init) easy_init = nullptr;
  decltype(&curl_easy_cleanup) easy_cleanup = nullptr;
  decltype(&curl_easy_setopt) easy_setopt = nullptr;
  decltype(&curl_easy_getinfo) easy_getinfo = nullptr;
  decltype(&curl_easy_perform) easy_perform = nullptr;
  decltype(&curl_easy_strerror) easy_strerror = nullptr;
  decltype(&curl_slist_append) slist_append = nullptr;
  decltype(&curl_slist_free_all) slist_free_all = nullptr;
  std::string failure{};  ///< why it cannot be used; empty: it can
};

template <typename Function>
void find_function(void* library, const char* name, Function& function, std::string& failure) {
  function = reinterpret_cast<Function>(::dlsym(library, name));
  if (function == nullptr && failure.empty()) failure = std::string("libcurl lacks ") + name;
}

CurlLibrary load_libcurl() {
  CurlLibrary curl;
  void* const library = ::dlopen(NESTP_LIBCURL, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    curl.failure = std::string("libcurl cannot be loaded (") + ::dlerror() + ")";
    return curl;
  }
  const auto find = [&](const char* name, auto& function) {
    find_function(library, name, function, curl.failure);
  };
  find("curl_global_init", curl.global_init);
  find("curl_easy_init", curl.easy_init);
  find("curl_easy_cleanup", curl.easy_cleanup);
  find("curl_easy_setopt", curl.easy_setopt);
  find("curl_easy_getinfo", curl.easy_getinfo);
  find("curl_easy_perform", curl.easy_perform);
  find("curl_easy_strerror", curl.easy_strerror);
  find("curl_slist_append", curl.slist_append);
  find("curl_slist_free_all", curl.slist_free_all);
  if (curl.failure.empty() && curl.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
    curl.failure = "libcurl cannot start";
  return curl;
}

const CurlLibrary& libcurl() {
  static const CurlLibrary library = load_libcurl();
  return library;
}

struct CloseHandle {
  void operator()(CURL* handle) const { libcurl().easy_cleanup(handle); }
};
struct FreeList {
  void operator()(curl_slist* list) const { libcurl().slist_free_all(list); }
};
using Handle = std::unique_ptr<CURL, CloseHandle>;
using Headers = std::unique_ptr<curl_slist, FreeList>;

void add_header(Headers& headers, const std::string& text) {
  curl_slist* const longer = libcurl().slist_append(headers.get(), text.c_str());
  if (longer == nullptr) return;
  (void)headers.release();
  headers.reset(longer);
}

/// The value of "Name: value\r\n" if it has this name.
bool header_is(std::string_view line, std::string_view name, std::string& value) {
  if (line.size() <= name.size() || line[name.size()] != ':' ||
      ::strncasecmp(line.data(), name.data(), name.size()) != 0) {
    return false;
  }
  line.remove_prefix(name.size() + 1);
  while (!line.empty() && line.front() == ' ')
    line.remove_prefix(1);
  while (!line.empty() && (line.back() == '\n' || line.back() == '\r'))
    line.remove_suffix(1);
  value = line;
  return true;
}

/// A file that grows.
struct Sink {
  UniqueFd file;
  std::uint64_t start = 0;  ///< bytes there already
  bool started = false;
  std::string entity{};  ///< ETag or Last-Modified of the answer
  CURL* handle = nullptr;
  const DownloadRequest* request = nullptr;
  std::string tag_path{};
};

std::size_t take_header(char* data, std::size_t size, std::size_t count, void* place) {
  auto& sink = *static_cast<Sink*>(place);
  const std::string_view line(data, size * count);
  std::string value;
  if (line.starts_with("HTTP/")) sink.entity.clear();
  if (header_is(line, "ETag", value) && !value.starts_with("W/")) sink.entity = value;
  if (sink.entity.empty() && header_is(line, "Last-Modified", value)) sink.entity = value;
  return line.size();
}

/// Before the first byte: does the server go on, or does it start again?
bool begin(Sink& sink) {
  sink.started = true;
  long status = 0;
  libcurl().easy_getinfo(sink.handle, CURLINFO_RESPONSE_CODE, &status);
  if (status >= 300) return true;  // the body of a refusal
  if (status != 206 && sink.start > 0) {
    if (::ftruncate(sink.file.get(), 0) != 0) return false;
    sink.start = 0;
  }
  if (::lseek(sink.file.get(), 0, SEEK_END) < 0) return false;
  const auto tag = open_at(AT_FDCWD, sink.tag_path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  if (tag) (void)!::write(tag->get(), sink.entity.data(), sink.entity.size());
  return true;
}

std::size_t take_bytes(char* data, std::size_t size, std::size_t count, void* place) {
  auto& sink = *static_cast<Sink*>(place);
  if (!sink.started && !begin(sink)) return 0;
  long status = 0;
  libcurl().easy_getinfo(sink.handle, CURLINFO_RESPONSE_CODE, &status);
  if (status >= 300) return size * count;
  std::size_t left = size * count;
  while (left > 0) {
    const ssize_t written = ::write(sink.file.get(), data, left);
    if (written <= 0) return 0;
    data += written;
    left -= static_cast<std::size_t>(written);
  }
  return size * count;
}

int tell_progress(void* place, curl_off_t total, curl_off_t done, curl_off_t, curl_off_t) {
  const auto& sink = *static_cast<Sink*>(place);
  if (!sink.request->progress || total <= 0) return 0;
  sink.request->progress(sink.start + static_cast<std::uint64_t>(done),
                         sink.start + static_cast<std::uint64_t>(total));
  return 0;
}

/// Where this system keeps the certificates that a library built elsewhere does not know of.
void find_certificates(CURL* handle) {
  if (::getenv("SSL_CERT_FILE") != nullptr) {
    libcurl().easy_setopt(handle, CURLOPT_CAINFO, ::getenv("SSL_CERT_FILE"));
    return;
  }
  for (const char* const path :
       {"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt",
        "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem"}) {
    if (::access(path, R_OK) != 0) continue;
    libcurl().easy_setopt(handle, CURLOPT_CAINFO, path);
    return;
  }
}

Handle new_handle(const std::string& url, const Headers& headers) {
  Handle handle(libcurl().easy_init());
  if (handle == nullptr) return handle;
  CURL* const raw = handle.get();
  libcurl().easy_setopt(raw, CURLOPT_URL, url.c_str());
  libcurl().easy_setopt(raw, CURLOPT_HTTPHEADER, headers.get());
  libcurl().easy_setopt(raw, CURLOPT_FOLLOWLOCATION, 1L);
  libcurl().easy_setopt(raw, CURLOPT_MAXREDIRS, kMostRedirects);
  libcurl().easy_setopt(raw, CURLOPT_PROTOCOLS_STR, "http,https,file");
  // A page fetched over TLS must not send us to one that is not, nor to our own files.
  libcurl().easy_setopt(raw, CURLOPT_REDIR_PROTOCOLS_STR,
                        url.starts_with("https:") ? "https" : "http,https");
  libcurl().easy_setopt(raw, CURLOPT_CONNECTTIMEOUT, kConnectSeconds);
  libcurl().easy_setopt(raw, CURLOPT_LOW_SPEED_LIMIT, 1L);
  libcurl().easy_setopt(raw, CURLOPT_LOW_SPEED_TIME, kIdleSeconds);
  libcurl().easy_setopt(raw, CURLOPT_NOSIGNAL, 1L);
  libcurl().easy_setopt(raw, CURLOPT_USERAGENT, "nestp/" NESTP_VERSION);
  find_certificates(raw);
  return handle;
}

bool may_pass(CURLcode code, long status) {
  if (status == 408 || status == 429 || status >= 500) return true;
  return code == CURLE_PARTIAL_FILE || code == CURLE_RECV_ERROR || code == CURLE_SEND_ERROR ||
         code == CURLE_GOT_NOTHING || code == CURLE_OPERATION_TIMEDOUT ||
         code == CURLE_COULDNT_CONNECT || code == CURLE_HTTP2_STREAM;
}

std::string reason(CURLcode code, long status, const char* details) {
  if (status == 429) return "the server has had too many requests (429); try again later";
  if (code == CURLE_OK) return "the server answers with status " + std::to_string(status);
  return *details != '\0' ? details : libcurl().easy_strerror(code);
}

}  // namespace

const std::string& libcurl_failure() { return libcurl().failure; }

Outcome<Done, TransferError> transfer_by_libcurl(const DownloadRequest& request,
                                                 const std::string& part, const std::string& tag) {
  Sink sink{.request = &request, .tag_path = tag};
  auto file = open_at(AT_FDCWD, part, O_WRONLY | O_CREAT | O_NOFOLLOW, 0600);
  if (!file) return TransferError{.message = part + ": " + std::strerror(file.error().code())};
  sink.file = std::move(*file);
  const auto entity = read_file(tag);
  struct stat status {};
  Headers headers;
  for (const std::string& header : request.headers)
    add_header(headers, header);
  // Without a tag nobody can say that it is still the same file.
  if (entity && !entity->empty() && ::fstat(sink.file.get(), &status) == 0 && status.st_size > 0) {
    sink.start = static_cast<std::uint64_t>(status.st_size);
    add_header(headers, "If-Range: " + *entity);
    add_header(headers, "Range: bytes=" + std::to_string(sink.start) + "-");
  } else if (::ftruncate(sink.file.get(), 0) != 0) {
    return TransferError{.message = part + ": " + std::strerror(errno)};
  }
  const Handle handle = new_handle(request.url, headers);
  if (handle == nullptr) return TransferError{.message = "libcurl cannot be used"};
  sink.handle = handle.get();
  std::array<char, CURL_ERROR_SIZE> details{};
  libcurl().easy_setopt(handle.get(), CURLOPT_ERRORBUFFER, details.data());
  libcurl().easy_setopt(handle.get(), CURLOPT_WRITEFUNCTION, take_bytes);
  libcurl().easy_setopt(handle.get(), CURLOPT_WRITEDATA, &sink);
  libcurl().easy_setopt(handle.get(), CURLOPT_HEADERFUNCTION, take_header);
  libcurl().easy_setopt(handle.get(), CURLOPT_HEADERDATA, &sink);
  libcurl().easy_setopt(handle.get(), CURLOPT_NOPROGRESS, 0L);
  libcurl().easy_setopt(handle.get(), CURLOPT_XFERINFOFUNCTION, tell_progress);
  libcurl().easy_setopt(handle.get(), CURLOPT_XFERINFODATA, &sink);
  const CURLcode code = libcurl().easy_perform(handle.get());
  long answer = 0;
  libcurl().easy_getinfo(handle.get(), CURLINFO_RESPONSE_CODE, &answer);
  if (code == CURLE_OK && answer < 300) return Done{};
  if (answer == 416) (void)::unlink(part.c_str());  // more is there than the server has
  return TransferError{.message = reason(code, answer, details.data()),
                       .may_pass = may_pass(code, answer) || answer == 416,
                       .status = answer};
}

Result<Answer> fetch_by_libcurl(const std::string& url, const std::vector<std::string>& texts) {
  Headers headers;
  for (const std::string& text : texts)
    add_header(headers, text);
  const Handle handle = new_handle(url, headers);
  if (handle == nullptr) return Error{"libcurl cannot be used"};
  Answer answer;
  std::array<char, CURL_ERROR_SIZE> details{};
  libcurl().easy_setopt(handle.get(), CURLOPT_ERRORBUFFER, details.data());
  libcurl().easy_setopt(
      handle.get(), CURLOPT_WRITEFUNCTION,
      +[](char* data, std::size_t size, std::size_t count, void* place) -> std::size_t {
        auto& body = static_cast<Answer*>(place)->body;
        if (body.size() + size * count > kMostAnswer) return 0;
        body.append(data, size * count);
        return size * count;
      });
  libcurl().easy_setopt(handle.get(), CURLOPT_WRITEDATA, &answer);
  libcurl().easy_setopt(
      handle.get(), CURLOPT_HEADERFUNCTION,
      +[](char* data, std::size_t size, std::size_t count, void* place) -> std::size_t {
        auto& found = *static_cast<Answer*>(place);
        (void)(header_is({data, size * count}, "Content-Type", found.type) ||
               header_is({data, size * count}, "WWW-Authenticate", found.authenticate));
        return size * count;
      });
  libcurl().easy_setopt(handle.get(), CURLOPT_HEADERDATA, &answer);
  const CURLcode code = libcurl().easy_perform(handle.get());
  libcurl().easy_getinfo(handle.get(), CURLINFO_RESPONSE_CODE, &answer.status);
  if (code != CURLE_OK) return Error{url + ": " + reason(code, answer.status, details.data())};
  return answer;
}

}  // namespace nestp
