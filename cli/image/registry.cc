#include "cli/image/registry.h"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

#include "cli/image/credentials.h"
#include "cli/image/download.h"
#include "cli/image/json.h"
#include "cli/image/sha256.h"
#include "cli/output.h"
#include "fs/fd.h"

namespace nestp {
namespace {

constexpr std::size_t kAtOnce = 4;
constexpr const char* kKinds =
    "Accept: application/vnd.oci.image.index.v1+json, "
    "application/vnd.docker.distribution.manifest.list.v2+json, "
    "application/vnd.oci.image.manifest.v1+json, "
    "application/vnd.docker.distribution.manifest.v2+json";

/// One registry with one repository in it.
class Registry {
 public:
  Registry(const ImageReference& reference, bool insecure) : reference_(reference) {
    const bool is_local = reference.host.starts_with("localhost") ||
                          reference.host.starts_with("127.0.0.1") ||
                          reference.host.starts_with("[::1]");
    const std::string host =
        reference.host == "docker.io" ? "registry-1.docker.io" : reference.host;
    base_ = (insecure || is_local ? "http://" : "https://") + host + "/v2/" + reference.name;
  }

  Result<std::string> manifest(const std::string& which) {
    const std::string url = base_ + "/manifests/" + which;
    auto answer = fetch(url, headers(kKinds));
    if (answer && answer->status == 401) {
      challenge_ = parse_challenge(answer->authenticate);
      if (const auto done = log_in(); !done) return done.error();
      answer = fetch(url, headers(kKinds));
    }
    if (!answer) return answer.error();
    switch (answer->status) {
      case 200:
        break;
      case 401:
      case 403:
        return Error{url + ": the registry refuses; log in with docker or podman login"};
      case 404:
        return Error{url + ": there is no such image"};
      case 429:
        return Error{url + ": the registry has had too many requests (429); try again later"};
      default:
        return Error{url + ": the registry answers with status " + std::to_string(answer->status)};
    }
    if (is_digest(which)) {
      Sha256 sum;
      sum.add(answer->body);
      if ("sha256:" + sum.finish() != which) return Error{url + ": the digest does not fit"};
    }
    return answer->body;
  }

  Result<> blob(const std::string& digest, const std::string& path) {
    const auto transfer = [&] {
      return download({.url = base_ + "/blobs/" + digest,
                       .path = path,
                       .sha256 = digest.substr(7),
                       .headers = headers({}),
                       .progress = {}});
    };
    auto done = transfer();
    // Tokens live for minutes, big parts take longer; what has come is kept.
    off_t come = -1;
    while (!done && challenge_.scheme == "bearer") {
      struct stat part {};
      (void)::stat((path + ".part").c_str(), &part);
      if (part.st_size <= come || !log_in()) break;
      come = part.st_size;
      done = transfer();
    }
    return done;
  }

 private:
  std::vector<std::string> headers(const std::string& more) const {
    std::vector<std::string> all;
    if (!more.empty()) all.push_back(more);
    if (!authorization_.empty()) all.push_back("Authorization: " + authorization_);
    return all;
  }

  Result<> log_in() {
    const Challenge& challenge = challenge_;
    if (!has_asked_) credentials_ = find_credentials(reference_.host + "/" + reference_.name);
    has_asked_ = true;
    if (challenge.scheme == "basic") {
      if (credentials_.empty()) {
        return Error{reference_.host + " wants a password; log in with docker or podman login"};
      }
      authorization_ = "Basic " + credentials_;
      return Done{};
    }
    if (challenge.scheme != "bearer" || challenge.realm.empty()) {
      return Error{reference_.host + " wants a login of a kind that nestp does not know"};
    }
    const std::string scope =
        challenge.scope.empty() ? "repository:" + reference_.name + ":pull" : challenge.scope;
    std::vector<std::string> login;
    if (!credentials_.empty()) login.push_back("Authorization: Basic " + credentials_);
    const char joint = challenge.realm.find('?') == std::string::npos ? '?' : '&';
    std::string url = challenge.realm + joint + "scope=" + percent_encoded(scope);
    if (!challenge.service.empty()) url += "&service=" + percent_encoded(challenge.service);
    const auto answer = fetch(url, login);
    if (!answer) return answer.error();
    if (answer->status != 200) {
      return Error{challenge.realm + " refuses the login with status " +
                   std::to_string(answer->status) + "; log in again with docker or podman login"};
    }
    const auto json = Json::parse(answer->body);
    if (!json) return json.error().in(challenge.realm);
    std::string token = (*json)["token"].text();
    if (token.empty()) token = (*json)["access_token"].text();
    if (token.empty()) return Error{challenge.realm + " gives no token; log in with docker login"};
    authorization_ = "Bearer " + token;
    return Done{};
  }

  const ImageReference& reference_;
  std::string base_;
  Challenge challenge_{};
  bool has_asked_ = false;  ///< for credentials, which may be an effort
  std::string credentials_{};
  std::string authorization_{};
};

Result<> make_directories(const std::string& path) {
  for (std::size_t at = path.find('/', 1);; at = path.find('/', at + 1)) {
    if (::mkdir(path.substr(0, at).c_str(), 0755) != 0 && errno != EEXIST) {
      return Error{path.substr(0, at) + ": " + std::strerror(errno)};
    }
    if (at == std::string::npos) return Done{};
  }
}

/// Each in a process of its own, as libcurl's simple interface waits.
Result<> fetch_parts(Registry& registry, const std::vector<std::string>& wanted,
                     const std::string& place) {
  std::size_t next = 0;
  std::size_t running = 0;
  bool failed = false;
  while (next < wanted.size() || running > 0) {
    if (next < wanted.size() && running < kAtOnce && !failed) {
      const std::string& digest = wanted[next++];
      const std::string path = place + "/" + digest.substr(7);
      if (::access(path.c_str(), F_OK) == 0) continue;
      print_error("fetching " + digest.substr(7, 12) + "\n");
      const pid_t child = ::fork();
      if (child < 0) return Error{"fork failed"};
      if (child == 0) {
        const auto done = registry.blob(digest, path);
        if (!done) print_error("nestp: " + done.error().message + "\n");
        ::_exit(done ? 0 : 1);
      }
      ++running;
      continue;
    }
    if (running == 0) break;
    int status = 0;
    if (::waitpid(-1, &status, 0) < 0) break;
    --running;
    failed = failed || status != 0;
  }
  if (failed) return Error{"not all parts of the image could be fetched; those that came are kept"};
  return Done{};
}

}  // namespace

Result<ImageReference> parse_reference(std::string_view text) {
  ImageReference reference{.host = "docker.io"};
  const std::string shown(text);
  for (const std::string_view scheme : {"docker://", "oci://"}) {
    if (text.starts_with(scheme)) text.remove_prefix(scheme.size());
  }
  const std::string_view first = text.substr(0, text.find('/'));
  const bool has_host =
      first.size() < text.size() &&
      (first.find_first_of(".:") != std::string_view::npos || first == "localhost");
  if (has_host) {
    reference.host = first;
    text.remove_prefix(first.size() + 1);
  }
  if (reference.host == "index.docker.io" || reference.host == "registry-1.docker.io") {
    reference.host = "docker.io";
  }
  const std::size_t at = text.find('@');
  if (at != std::string_view::npos) {
    reference.tag = text.substr(at + 1);
    if (!is_digest(reference.tag)) return Error{"'" + shown + "' has no digest after '@'"};
    text = text.substr(0, at);
  }
  const std::size_t colon = text.rfind(':');
  if (colon != std::string_view::npos) {
    if (at == std::string_view::npos) reference.tag = text.substr(colon + 1);
    text = text.substr(0, colon);
  }
  reference.name = text;
  if (reference.host == "docker.io" && text.find('/') == std::string_view::npos) {
    reference.name = "library/" + reference.name;
  }
  const bool is_name =
      !text.empty() &&
      text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789._-/") == std::string_view::npos;
  if (!is_name || reference.tag.empty() || reference.tag.find('/') != std::string::npos) {
    return Error{"'" + shown + "' is no image's name: [HOST/]NAME[:TAG]"};
  }
  return reference;
}

Challenge parse_challenge(std::string_view text) {
  Challenge challenge;
  const std::size_t blank = text.find(' ');
  challenge.scheme = text.substr(0, blank);
  std::ranges::transform(challenge.scheme, challenge.scheme.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (blank == std::string_view::npos) return challenge;
  text.remove_prefix(blank + 1);
  while (!text.empty()) {
    text.remove_prefix(std::min(text.find_first_not_of(" ,"), text.size()));
    const std::size_t equals = text.find('=');
    if (equals == std::string_view::npos) break;
    const std::string_view key = text.substr(0, equals);
    text.remove_prefix(equals + 1);
    const bool is_quoted = text.starts_with('"');
    if (is_quoted) text.remove_prefix(1);
    const std::size_t end = std::min(text.find(is_quoted ? '"' : ','), text.size());
    const std::string value(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (key == "realm") challenge.realm = value;
    if (key == "service") challenge.service = value;
    if (key == "scope") challenge.scope = value;
  }
  return challenge;
}

std::string percent_encoded(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string encoded;
  for (const char letter : text) {
    const auto byte = static_cast<unsigned char>(letter);
    if (std::isalnum(byte) != 0 || std::string_view("-._~:/,").find(letter) != text.npos) {
      encoded += letter;
    } else {
      encoded += {'%', kDigits[byte >> 4], kDigits[byte & 15]};
    }
  }
  return encoded;
}

Result<LocalImage> pull_image(const ImageReference& reference, const std::string& machine,
                              const std::string& cache, bool insecure) {
  const std::string place = cache + "/blobs/sha256";
  if (const auto done = make_directories(place); !done) return done.error();
  Registry registry(reference, insecure);
  const auto top = registry.manifest(reference.tag);
  if (!top) return top.error();
  const BlobSource blob = [&](const std::string& digest) -> Result<std::string> {
    if (!is_digest(digest)) return Error{"'" + digest + "' is no digest that nestp can verify"};
    const std::string path = place + "/" + digest.substr(7);
    if (::access(path.c_str(), F_OK) == 0) {
      const auto sum = sha256_of_file(path);
      if (sum && *sum == digest.substr(7)) return path;
      (void)::unlink(path.c_str());
    }
    // Only manifests are not fetched before; they are not among the blobs of a registry.
    const auto text = registry.manifest(digest);
    if (!text) return text.error();
    const auto file = open_at(AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    if (!file ||
        ::write(file->get(), text->data(), text->size()) != static_cast<ssize_t>(text->size())) {
      return Error{path + " cannot be written"};
    }
    return path;
  };
  return read_image(*top, machine, blob, [&](const std::vector<std::string>& digests) {
    return fetch_parts(registry, digests, place);
  });
}

}  // namespace nestp
