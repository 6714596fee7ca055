"""Every page's Content-Security-Policy, in a real browser: what got into the page as markup would not run."""

from chromium import Chromium
from requirements import needs_chromium
from scenes import RED, jpeg, plain
from test_demo_command import Running

from edgecnn.html.page import Section, page
from edgecnn.web.content_policy import content_policy

PIXEL = "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"
INJECTED = """(() => { const script = document.createElement('script'); script.textContent = "document.title = 'owned'";
    document.body.append(script); const image = document.createElement('img');
    image.setAttribute('onerror', "document.title = 'owned'"); image.src = 'data:,x'; document.body.append(image);
    return true })()"""


@needs_chromium
def test_a_file_page_runs_no_script_and_shows_its_images(tmp_path):
    evil = f"<img id='own' src='{PIXEL}'><img src='x' onerror=\"document.title='owned'\">"
    evil += "<script>document.title = 'owned'</script><p id='end'>end</p>"
    (tmp_path / "page.html").write_text(page("Title", "Lead", [Section("Section", evil)]))
    with Chromium(tmp_path / "profile") as browser:
        browser.open((tmp_path / "page.html").as_uri())
        browser.wait_for("document.getElementById('own').naturalWidth === 1 && document.readyState === 'complete'")
        assert browser.run("document.title") == "Title"
        assert browser.run("getComputedStyle(document.body).margin") != "8px"  # the page's style is in force


@needs_chromium
def test_the_demo_s_page_runs_its_own_script_only(tmp_path, color_model):
    (tmp_path / "a.jpg").write_bytes(jpeg(plain(RED)))
    with Running(color_model, "--source", tmp_path / "a.jpg", "--loop") as running, Chromium(tmp_path / "p") as browser:
        browser.open(running.line(r"Open in a browser: (\S+)").group(1))
        browser.wait_for("document.getElementById('answer').textContent === 'red'")
        browser.run(INJECTED)
        browser.run("new Promise(done => setTimeout(done, 200))")
        assert "owned" not in browser.run("document.title")


def test_a_changed_script_has_another_digest():
    one, other = content_policy(b"<script>a</script>"), content_policy(b"<script>b</script>")
    assert one != other and "unsafe-inline" not in one.split("script-src")[1]
    assert "script-src 'none'" in content_policy(b"<p>")
