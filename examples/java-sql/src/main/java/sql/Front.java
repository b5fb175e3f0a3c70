package sql;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.StringJoiner;
import org.h2.tools.Server;

/** An SQL server that is asked over HTTP: one statement a request, rows as tab-separated lines. */
public class Front {
  public static void main(String[] args) throws IOException, SQLException {
    // other programs in the container ask it by JDBC
    Server tcp = Server.createTcpServer("-tcpPort", "9092", "-baseDir", "data", "-ifNotExists").start();
    String url = System.getenv().getOrDefault("JDBC_URL", "jdbc:h2:tcp://localhost:9092/./analytics");
    int port = Integer.parseInt(System.getenv().getOrDefault("PORT", "8080"));
    HttpServer server = HttpServer.create(new InetSocketAddress(port), 0);
    server.createContext("/", exchange -> answer(exchange, url));
    Runtime.getRuntime().addShutdownHook(new Thread(() -> {
      server.stop(1);
      tcp.stop();
    }));
    server.start();
    System.out.println("H2 answers SQL on port " + port);
  }

  private static void answer(HttpExchange exchange, String url) throws IOException {
    String asked = new String(exchange.getRequestBody().readAllBytes(), StandardCharsets.UTF_8);
    int status = 200;
    String body;
    try (Connection connection = DriverManager.getConnection(url, "sa", "");
        Statement statement = connection.createStatement()) {
      body = statement.execute(asked.isBlank() ? "SELECT H2VERSION()" : asked)
          ? rows(statement.getResultSet())
          : statement.getUpdateCount() + "\n";
    } catch (SQLException error) {
      status = 400;
      body = error.getMessage() + "\n";
    }
    byte[] bytes = body.getBytes(StandardCharsets.UTF_8);
    exchange.getResponseHeaders().set("Content-Type", "text/plain; charset=utf-8");
    exchange.sendResponseHeaders(status, bytes.length);
    exchange.getResponseBody().write(bytes);
    exchange.close();
  }

  private static String rows(ResultSet rows) throws SQLException {
    StringBuilder text = new StringBuilder();
    int columns = rows.getMetaData().getColumnCount();
    while (rows.next()) {
      StringJoiner line = new StringJoiner("\t", "", "\n");
      for (int column = 1; column <= columns; column++) line.add(rows.getString(column));
      text.append(line);
    }
    return text.toString();
  }
}
