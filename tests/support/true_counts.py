"""Texts of many kinds, with their true numbers of tokens."""

TRUE_COUNTS = [
    (
        "english",
        33,
        (
            "The quick brown fox jumps over the lazy dog. Servers fail in many ways, and a good relay r"
            "eports each one honestly instead of hiding it behind a generic message."
        ),
    ),
    (
        "english2",
        41,
        (
            "I'm sorry, but I can't help with that. However, here's what you could do instead: first, c"
            "heck your settings; second, restart the program; and finally, contact support if it doesn'"
            "t work."
        ),
    ),
    (
        "german",
        29,
        (
            "Der Übersetzer prüft zunächst die Grammatik und schlägt anschließend eine möglichst natürl"
            "iche Formulierung vor, die auch Fachbegriffe berücksichtigt."
        ),
    ),
    (
        "french",
        31,
        (
            "Le serveur répond d'abord à la requête, puis il vérifie que le client a bien reçu l'intégr"
            "alité du message avant de fermer la connexion."
        ),
    ),
    (
        "spanish",
        24,
        (
            "El servidor responde a la petición y después comprueba que el cliente ha recibido el mensa"
            "je completo antes de cerrar la conexión."
        ),
    ),
    (
        "polish",
        37,
        (
            "Serwer najpierw odpowiada na żądanie, a następnie sprawdza, czy klient otrzymał całą wiado"
            "mość przed zamknięciem połączenia."
        ),
    ),
    (
        "turkish",
        29,
        (
            "Sunucu önce isteğe yanıt verir, ardından bağlantıyı kapatmadan önce istemcinin mesajın tam"
            "amını aldığını kontrol eder."
        ),
    ),
    (
        "vietnamese",
        32,
        (
            "Máy chủ trả lời yêu cầu trước, sau đó kiểm tra xem khách hàng đã nhận được toàn bộ tin nhắ"
            "n trước khi đóng kết nối hay chưa."
        ),
    ),
    (
        "chinese",
        28,
        "服务器先回答请求，然后在关闭连接之前检查客户端是否已经收到完整的消息。如果没有收到，就会重新发送并记录错误。",
    ),
    (
        "chinese_trad",
        48,
        "伺服器會先回應請求，接著在關閉連線之前確認用戶端是否已經收到完整的訊息；若沒有收到，便會重新傳送並記錄錯誤。",
    ),
    (
        "chinese_long",
        53,
        "人工智能正在深刻地改变我们的生活方式。从智能手机到自动驾驶汽车，从医疗诊断到金融服务，人工智能技术已经渗透到社会的各个角落。然而，我们也必须关注它带来的伦理问题和就业影响。",
    ),
    (
        "japanese",
        44,
        "サーバーはまずリクエストに応答し、接続を閉じる前にクライアントがメッセージ全体を受信したかどうかを確認します。",
    ),
    (
        "japanese_long",
        71,
        (
            "人工知能は私たちの生活を大きく変えつつあります。スマートフォンから自動運転車まで、医療診断から金融サービスまで、あらゆる分野に浸透しています。しかし、倫理的な問題や雇用への影響にも"
            "注意を払う必要があります。"
        ),
    ),
    ("korean", 32, "서버는 먼저 요청에 응답한 다음 연결을 닫기 전에 클라이언트가 메시지 전체를 받았는지 확인합니다."),
    ("arabic", 31, "يستجيب الخادم للطلب أولاً، ثم يتحقق مما إذا كان العميل قد تلقى الرسالة بأكملها قبل إغلاق الاتصال."),
    (
        "arabic_long",
        37,
        (
            "يغير الذكاء الاصطناعي أسلوب حياتنا بشكل عميق، من الهواتف الذكية إلى السيارات ذاتية القيادة"
            "، ومن التشخيص الطبي إلى الخدمات المالية."
        ),
    ),
    (
        "persian",
        28,
        "سرور ابتدا به درخواست پاسخ می‌دهد و سپس پیش از بستن اتصال بررسی می‌کند که آیا مشتری کل پیام را دریافت کرده است.",
    ),
    (
        "urdu",
        34,
        (
            "سرور پہلے درخواست کا جواب دیتا ہے اور پھر کنکشن بند کرنے سے پہلے چیک کرتا ہے کہ آیا کلائنٹ"
            " کو پورا پیغام ملا ہے۔"
        ),
    ),
    ("hebrew", 34, "השרת משיב תחילה לבקשה, ולאחר מכן בודק אם הלקוח קיבל את כל ההודעה לפני סגירת החיבור."),
    (
        "russian",
        28,
        (
            "Сервер сначала отвечает на запрос, а затем проверяет, получил ли клиент всё сообщение цели"
            "ком, прежде чем закрыть соединение."
        ),
    ),
    (
        "ukrainian",
        41,
        (
            "Сервер спочатку відповідає на запит, а потім перевіряє, чи клієнт отримав усе повідомлення"
            ", перш ніж закрити з'єднання."
        ),
    ),
    (
        "greek",
        47,
        (
            "Ο διακομιστής απαντά πρώτα στο αίτημα και στη συνέχεια ελέγχει αν ο πελάτης έλαβε ολόκληρο"
            " το μήνυμα πριν κλείσει τη σύνδεση."
        ),
    ),
    ("hindi", 35, "सर्वर पहले अनुरोध का उत्तर देता है और फिर कनेक्शन बंद करने से पहले जाँचता है कि क्लाइंट को पूरा संदेश मिला है या नहीं।"),
    ("bengali", 35, "সার্ভার প্রথমে অনুরোধের উত্তর দেয় এবং তারপর সংযোগ বন্ধ করার আগে পরীক্ষা করে যে ক্লায়েন্ট সম্পূর্ণ বার্তা পেয়েছে কিনা।"),
    (
        "tamil",
        48,
        (
            "சேவையகம் முதலில் கோரிக்கைக்கு பதிலளிக்கிறது, பின்னர் இணைப்பை மூடுவதற்கு முன் வாடிக்கையாளர்"
            " முழு செய்தியையும் பெற்றாரா என்று சரிபார்க்கிறது."
        ),
    ),
    ("thai", 37, "เซิร์ฟเวอร์จะตอบคำขอก่อน จากนั้นจะตรวจสอบว่าไคลเอ็นต์ได้รับข้อความทั้งหมดแล้วหรือไม่ก่อนที่จะปิดการเชื่อมต่อ"),
    (
        "georgian",
        35,
        (
            "სერვერი ჯერ პასუხობს მოთხოვნას, შემდეგ კი ამოწმებს, მიიღო თუ არა კლიენტმა მთელი შეტყობინებ"
            "ა კავშირის დახურვამდე."
        ),
    ),
    ("khmer", 58, "ម៉ាស៊ីនមេឆ្លើយតបសំណើជាមុនសិន បន្ទាប់មកពិនិត្យមើលថាតើអតិថិជនបានទទួលសារទាំងមូលឬអត់។"),
    (
        "json",
        73,
        (
            '{"id":"chatcmpl-8f3a","object":"chat.completion","created":1732590000,"model":"gpt-4o","ch'
            'oices":[{"index":0,"message":{"role":"assistant","content":null},"finish_reason":"stop"}],'
            '"usage":{"prompt_tokens":12,"completion_tokens":7,"total_tokens":19}}'
        ),
    ),
    (
        "json, pretty",
        60,
        (
            '{\n  "name": "Ada Lovelace",\n  "born": 1815,\n  "tags": [\n    "mathematics",\n    "compu'
            'ting"\n  ],\n  "address": {\n    "city": "London",\n    "zip": "W1"\n  }\n}'
        ),
    ),
    ("json_min", 21, '{"a":1,"b":2,"c":[true,false,null],"d":{"e":"f"}}'),
    ("json_nums", 49, "[[0.1234,0.5678,-1.25],[3.1415,2.7182,1.4142],[10,20,30],[1e-3,2.5e4,7]]"),
    ("json_zh", 30, '{"姓名":"张三","年龄":28,"城市":"北京","职业":"软件工程师","爱好":["阅读","旅行","摄影"]}'),
    ("json_tool", 16, '{"location":"Paris, France","unit":"celsius","days":3}'),
    (
        "python",
        45,
        (
            "def fibonacci(n: int) -> list[int]:\n    numbers = [0, 1]\n    while len(numbers) < n:\n  "
            "      numbers.append(numbers[-1] + numbers[-2])\n    return numbers[:n]\n"
        ),
    ),
    (
        "go",
        50,
        (
            'func main() {\n\thttp.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {\n\t\t'
            'fmt.Fprintf(w, "Hello, %s", r.URL.Path)\n\t})\n\tlog.Fatal(http.ListenAndServe(":8080", ni'
            "l))\n}\n"
        ),
    ),
    (
        "js",
        52,
        (
            "const sum = (arr) => arr.reduce((acc, x) => acc + x, 0);\nconsole.log(sum([1, 2, 3]));\nex"
            "port default { sum, avg: (a) => sum(a) / a.length };"
        ),
    ),
    (
        "html",
        53,
        (
            '<div class="card"><h2 id="t">Hello</h2><p>Some <b>bold</b> text.</p><a href="https://examp'
            'le.com/a?b=1&c=2">link</a></div>'
        ),
    ),
    ("csv", 50, "id,name,price,qty\n1,Widget,9.99,100\n2,Gadget,14.50,25\n3,Doohickey,0.75,1000\n4,Gizmo,120.00,3\n"),
    (
        "sql",
        54,
        (
            "SELECT u.id, u.name, COUNT(o.id) AS orders FROM users u LEFT JOIN orders o ON o.user_id = "
            "u.id WHERE u.created_at > '2024-01-01' GROUP BY u.id HAVING COUNT(o.id) > 3;"
        ),
    ),
    (
        "latex",
        67,
        (
            "\\int_{0}^{\\infty} e^{-x^2}\\,dx = \\frac{\\sqrt{\\pi}}{2} \\quad \\text{and} \\quad \\su"
            "m_{n=1}^{\\infty} \\frac{1}{n^2} = \\frac{\\pi^2}{6}"
        ),
    ),
    ("base64", 57, "aGVsbG8gd29ybGQsIHRoaXMgaXMgYSBiYXNlNjQgc3RyaW5nIHdpdGggc29tZSByYW5kb20gYnl0ZXMgAQIDBAUGBwgJ"),
    ("uuid", 43, "550e8400-e29b-41d4-a716-446655440000 6ba7b810-9dad-11d1-80b4-00c04fd430c8"),
    ("hex", 35, "5d41402abc4b2a76b9719d911017c592 e99a18c428cb38d5f260853678922e03"),
    ("numbers", 29, "3.14159265358979323846264338327950288419716939937510582097494459230781640628620899"),
    (
        "markdown",
        41,
        (
            "# Title\n\n- **First** item with `code`\n- Second item: [link](https://example.com)\n\n| a"
            " | b |\n|---|---|\n| 1 | 2 |\n"
        ),
    ),
    ("emoji", 27, "Great job! 🎉🎉 Let's celebrate 🥳 with cake 🎂 and coffee ☕️ tomorrow 👍🏽🚀"),
    ("emoji_only", 24, "😀😃😄😁😆😅😂🤣😊😇🙂🙃😉😌😍🥰"),
    ("mixed_zh_en", 21, "请使用 Python 3.11 安装 grpcio，然后运行 server.py 并检查日志输出。"),
    (
        "log",
        38,
        "2024-11-25T12:34:56.789Z INFO relay.calls call request_id=abc-123 caller=alice rpc=Process total_s=0.6539",
    ),
    ("snake", 14, "max_concurrent_calls first_token_seconds answer_keep_seconds get_user_account_balance"),
    ("camel", 16, "getUserAccountBalanceByCustomerIdentifier setHttpRequestTimeoutMilliseconds isFeatureFlagEnabled"),
    ("dashes", 5, "----------------------------------------\n========================================\n"),
    ("upper", 19, "ERROR: CONNECTION REFUSED BY REMOTE HOST. PLEASE CHECK THE NETWORK SETTINGS AND TRY AGAIN."),
    ("one", 1, "Hi"),
]
"""A text's kind, its number of tokens by o200k_base, and the text. Counted once, so that tests need no tokenizer."""
